"""The daily briefing in words: what failed, what was missed, what ran, and what the day brings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from workers.briefings.figures import counted, day_and_clock, duration, long_day
from workers.briefings.markdown import at_most, code, plain, section, table, unreadable
from workers.briefings.phrases import due_times, reason_lines, task_label, with_gaps, with_reasons
from workers.briefings.task_runs import TaskRuns, by_task

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from mission_control.model.runs.run_record import RunRecord
    from workers.briefings.agenda import AgendaEntry
    from workers.briefings.due_tasks import DueTask
    from workers.briefings.notes import Note

_MOST_TASKS: Final = 50
_MOST_TIMES: Final = 5


@dataclass(frozen=True, kw_only=True)
class DailyFacts:
    """What a daily briefing tells; `agenda` and `notes` are None where none are configured."""

    since: datetime
    now: datetime
    zone: ZoneInfo
    runs: list[RunRecord]
    waiting: list[RunRecord]
    due: list[DueTask]
    names: Mapping[str, str] = field(default_factory=dict)
    agenda: list[AgendaEntry] | None = None
    notes: list[Note] | None = None
    unreadable: list[str] = field(default_factory=list)


def headline(facts: DailyFacts) -> str:
    """Return the briefing in one line, for example "3 runs failed, 1 missed; 5 tasks due today"."""
    due = counted(len(facts.due), "task") if facts.due else "nothing more"
    return with_gaps(f"{_what_happened(facts.runs)}; {due} due today", facts.unreadable)


def daily_lines(facts: DailyFacts) -> list[str]:
    """Return the briefing as lines of Markdown; sections that would be empty stay away."""
    tasks = by_task(facts.runs)
    today = facts.now.astimezone(facts.zone).date()
    period = f"{day_and_clock(facts.since, facts.zone)} to {day_and_clock(facts.now, facts.zone)}"
    return [
        *[f"# Daily briefing: {long_day(today)}", "", f"**{headline(facts)}**", ""],
        *[f"From {period}; times are those of {facts.zone.key}.", ""],
        *section("Failed", at_most([_failed(one, facts) for one in tasks if one.failed], _MOST_TASKS)),
        *section("Missed", at_most([_missed(one, facts) for one in tasks if one.missed], _MOST_TASKS)),
        *section("To be tried again", at_most([_waiting(run, facts) for run in facts.waiting], _MOST_TASKS)),
        *section("Ran", _ran(tasks, facts)),
        *section("Left out on purpose", [_left_out(one, facts) for one in tasks if one.left_out]),
        *section("Due today", at_most([_due(one, facts) for one in facts.due], _MOST_TASKS)),
        *section("Calendar", _agenda(facts.agenda)),
        *section("Notes", _notes(facts)),
        *section("Could not read", unreadable(facts.unreadable)),
    ]


def _what_happened(runs: list[RunRecord]) -> str:
    together = TaskRuns("", tuple(runs))
    ran, failed, missed = len(together.ran), len(together.failed), len(together.missed)
    if failed:
        return f"{counted(failed, 'run')} failed" + (f", {missed:,} missed" if missed else "")
    if missed:
        return f"{counted(missed, 'run')} missed"
    if ran == 0:
        return "Nothing ran"
    return f"All {counted(ran, 'run')} succeeded" if ran > 1 else "1 run succeeded"


def _failed(task: TaskRuns, facts: DailyFacts) -> str:
    last = task.failed[-1]
    when = day_and_clock(
        last.finished_at if last.finished_at is not None else last.scheduled_time, facts.zone
    )
    told = f"{len(task.failed):,} of {counted(len(task.ran), 'run')} failed, last {when}"
    head = f"- {task_label(task.task_id, facts.names)}: {told}"
    return "\n".join([head, *reason_lines(task.failed), f"  - {_since_then(task, facts)}"])


def _since_then(task: TaskRuns, facts: DailyFacts) -> str:
    success = task.success_after_last_failure
    if success is None or success.finished_at is None:
        return "has not succeeded since"
    return f"has succeeded since, {day_and_clock(success.finished_at, facts.zone)}"


def _missed(task: TaskRuns, facts: DailyFacts) -> str:
    times = [day_and_clock(run.scheduled_time, facts.zone) for run in task.missed]
    at = ", ".join(times) if len(times) <= _MOST_TIMES else f"{times[0]} to {times[-1]}"
    head = f"- {task_label(task.task_id, facts.names)}: {len(times):,} missed, {at}"
    return with_reasons(head, task.missed)


def _waiting(run: RunRecord, facts: DailyFacts) -> str:
    when = "" if run.retry_at is None else f", again {day_and_clock(run.retry_at, facts.zone)}"
    why = "" if run.error is None else f": {code(run.error)}"
    return f"- {task_label(run.task_id, facts.names)}: attempt {run.attempt} failed{when}{why}"


def _ran(tasks: list[TaskRuns], facts: DailyFacts) -> list[str]:
    rows = [
        (
            task_label(one.task_id, facts.names),
            f"{len(one.ran):,}",
            f"{len(one.succeeded):,}",
            f"{one.retries:,}",
            duration(max(one.durations_ms, default=None)),
        )
        for one in tasks
        if one.ran
    ]
    return table(("Task", "Runs", "Succeeded", "Retries", "Longest"), rows)


def _left_out(task: TaskRuns, facts: DailyFacts) -> str:
    counts = Counter(str(run.state) for run in task.left_out)
    told = ", ".join(f"{count:,} {state}" for state, count in counts.most_common())
    return with_reasons(f"- {task_label(task.task_id, facts.names)}: {told}", task.left_out)


def _due(due: DueTask, facts: DailyFacts) -> str:
    return f"- {due_times(due, facts.zone)}: {task_label(due.task.id, facts.names)}"


def _agenda(entries: list[AgendaEntry] | None) -> list[str]:
    if entries is None:
        return []
    return [_entry(entry) for entry in entries] if entries else ["Nothing today."]


def _entry(entry: AgendaEntry) -> str:
    place = f", {plain(entry.location)}" if entry.location else ""
    return f"- {_span(entry)}: {plain(entry.title)}{place}"


def _span(entry: AgendaEntry) -> str:
    if entry.is_all_day:
        return "All day"
    if entry.start is None:
        return f"Until {entry.end:%H:%M}"
    if entry.end is None:
        return f"From {entry.start:%H:%M}"
    return f"{entry.start:%H:%M}" if entry.start == entry.end else f"{entry.start:%H:%M}-{entry.end:%H:%M}"


def _notes(facts: DailyFacts) -> list[str]:
    if facts.notes is None:
        return []
    return [_note(note, facts.zone) for note in facts.notes] or ["None changed."]


def _note(note: Note, zone: ZoneInfo) -> str:
    told = f": {plain(note.first_line)}" if note.first_line else ""
    return f"- **{plain(note.title)}** ({code(note.path)}, {day_and_clock(note.changed_at, zone)}){told}"
