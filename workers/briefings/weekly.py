"""The weekly review in words: how each task did, compared with the week before, and the week to come."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from workers.briefings.figures import counted, day_and_clock, duration, share, short_day
from workers.briefings.markdown import at_most, section, table, unreadable
from workers.briefings.phrases import reason_lines, rule_and_count, task_label, with_gaps, with_reasons
from workers.briefings.task_runs import TaskRuns, by_task, median_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from mission_control.model.runs.run_record import RunRecord
    from workers.briefings.due_tasks import DueTask

_MOST_TASKS: Final = 200
_MOST_BUSY: Final = 3
_HEAD: Final = (
    *("Task", "Runs", "Before", "Succeeded", "Before"),
    *("Retries", "Median", "Longest", "Late, median", "Late, most"),
)


@dataclass(frozen=True, kw_only=True)
class WeeklyFacts:
    """What a weekly review tells; `idle` are tasks without a run, with how often they were due."""

    title: str
    start: datetime
    now: datetime
    zone: ZoneInfo
    runs: list[RunRecord]
    runs_before: list[RunRecord]
    idle: list[tuple[str, int]]
    due: list[DueTask]
    names: Mapping[str, str] = field(default_factory=dict)
    caveats: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def weekly_headline(facts: WeeklyFacts) -> str:
    """Return the review in one line: runs, their success compared with the week before, the bad news."""
    ran, succeeded, failed, missed = _totals(facts.runs)
    ran_before, succeeded_before, *_ = _totals(facts.runs_before)
    if not ran and not missed:
        return with_gaps("Nothing ran this week", facts.unreadable)
    before = f" ({share(succeeded_before, ran_before)} the week before)" if ran_before else ""
    bad = ", ".join(f"{count:,} {word}" for count, word in ((failed, "failed"), (missed, "missed")) if count)
    summary = f"{counted(ran, 'run')}, {share(succeeded, ran)} succeeded{before}" + (
        f"; {bad}" if bad else ""
    )
    return with_gaps(summary, facts.unreadable)


def weekly_lines(facts: WeeklyFacts) -> list[str]:
    """Return the review as lines of Markdown; sections that would be empty stay away."""
    tasks = by_task(facts.runs)
    before = {one.task_id: one for one in by_task(facts.runs_before)}
    period = f"{day_and_clock(facts.start, facts.zone)} to {day_and_clock(facts.now, facts.zone)}"
    failed = [_failed(one, before.get(one.task_id), facts) for one in tasks if one.failed]
    return [
        *[f"# Weekly review: {facts.title}", "", f"**{weekly_headline(facts)}**", ""],
        *[f"From {period}; times are those of {facts.zone.key}.", ""],
        *[line for caveat in facts.caveats for line in (caveat, "")],
        *section("Failed", at_most(failed, _MOST_TASKS)),
        *section("Missed", at_most([_missed(one, facts) for one in tasks if one.missed], _MOST_TASKS)),
        *section("Tasks", table(_HEAD, _rows(tasks, before, facts))),
        *section("Busiest", _busiest(tasks, facts)),
        *section("Never ran", at_most([_idle(*one, facts) for one in facts.idle], _MOST_TASKS)),
        *section("Coming week", at_most([_coming(one, facts) for one in facts.due], _MOST_TASKS)),
        *section("Could not read", unreadable(facts.unreadable)),
    ]


def _totals(runs: Sequence[RunRecord]) -> tuple[int, int, int, int]:
    together = TaskRuns("", tuple(runs))
    return len(together.ran), len(together.succeeded), len(together.failed), len(together.missed)


def _failed(task: TaskRuns, before: TaskRuns | None, facts: WeeklyFacts) -> str:
    failed_before = len(before.failed) if before is not None else 0
    told = (
        f"{len(task.failed):,} of {counted(len(task.ran), 'run')} failed, {failed_before:,} the week before"
    )
    return "\n".join([f"- {task_label(task.task_id, facts.names)}: {told}", *reason_lines(task.failed)])


def _missed(task: TaskRuns, facts: WeeklyFacts) -> str:
    return with_reasons(
        f"- {task_label(task.task_id, facts.names)}: {len(task.missed):,} missed", task.missed
    )


def _rows(tasks: list[TaskRuns], before: Mapping[str, TaskRuns], facts: WeeklyFacts) -> list[tuple[str, ...]]:
    return [_row(one, before.get(one.task_id, TaskRuns(one.task_id)), facts) for one in tasks if one.ran]


def _row(task: TaskRuns, before: TaskRuns, facts: WeeklyFacts) -> tuple[str, ...]:
    return (
        task_label(task.task_id, facts.names),
        f"{len(task.ran):,}",
        f"{len(before.ran):,}",
        share(len(task.succeeded), len(task.ran)),
        share(len(before.succeeded), len(before.ran)),
        f"{task.retries:,}",
        duration(median_of(task.durations_ms)),
        duration(max(task.durations_ms, default=None)),
        duration(median_of(task.latenesses_ms)),
        duration(max(task.latenesses_ms, default=None)),
    )


def _busiest(tasks: list[TaskRuns], facts: WeeklyFacts) -> list[str]:
    busy = sorted((one for one in tasks if one.ran), key=lambda one: (-sum(one.durations_ms), one.task_id))
    lines = [
        f"- {task_label(one.task_id, facts.names)}: {duration(sum(one.durations_ms))} of work "
        f"in {counted(len(one.ran), 'run')}"
        for one in busy[:_MOST_BUSY]
    ]
    days = Counter(
        run.started_at.astimezone(facts.zone).date()
        for one in busy
        for run in one.ran
        if run.started_at is not None
    )
    busiest = [
        f"- The busiest day was {short_day(day)}, with {counted(n, 'run')}" for day, n in days.most_common(1)
    ]
    return [*lines, *busiest]


def _idle(task_id: str, due: int, facts: WeeklyFacts) -> str:
    told = f"was due {counted(due, 'time')}" if due else "was not due"
    return f"- {task_label(task_id, facts.names)}: {told}"


def _coming(due: DueTask, facts: WeeklyFacts) -> str:
    times = ", ".join(day_and_clock(moment, facts.zone) for moment in due.times)
    when = (
        f"{rule_and_count(due)}, first {day_and_clock(due.times[0], facts.zone)}"
        if due.is_frequent
        else times
    )
    return f"- {task_label(due.task.id, facts.names)}: {when}"
