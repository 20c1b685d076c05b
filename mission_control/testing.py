"""Pinning in tests when a task runs: over clock changes, holidays, and outages of beat.

Nothing here uses Redis or the clock: the schedule and the policies themselves answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from difflib import ndiff
from typing import Any, Final
from zoneinfo import ZoneInfo

from mission_control.files.calendar_file import read_calendar
from mission_control.model.definitions.schedules.clock.wall_clock import earliest
from mission_control.model.definitions.task import TaskDefinition, parse_task
from mission_control.model.policies.misfire import Action, Fire, decide
from mission_control.model.values.instants import from_unix
from mission_control.operate.next_times import DueTime, unmet_words

__all__ = ["assert_timeline", "timeline"]

MOST_LINES: Final = 10_000
Moment = datetime | str


def assert_timeline(
    task: Mapping[str, Any],
    expected: str | Iterable[str],
    *,
    start: Moment,
    end: Moment,
    outages: Sequence[tuple[Moment, Moment]] = (),
) -> None:
    """Make sure that `timeline` of a task is as `expected`: a text with a line for each occurrence, or lines.

    Indentation and empty lines of a text do not count.

    Raises:
        AssertionError: it is another one; shows the difference.
        InvalidTaskError, ValueError: as `timeline`.
    """
    __tracebackhide__ = True
    lines = expected.splitlines() if isinstance(expected, str) else list(expected)
    wanted = [line.strip() for line in lines if line.strip()]
    found = timeline(task, start=start, end=end, outages=outages)
    if found != wanted:
        difference = "\n".join(line for line in ndiff(wanted, found) if not line.startswith("?"))
        raise AssertionError(f"the timeline differs (- expected, + found):\n{difference}")


def timeline(
    task: Mapping[str, Any],
    *,
    start: Moment,
    end: Moment,
    outages: Sequence[tuple[Moment, Moment]] = (),
) -> list[str]:
    """Return a line for each occurrence of a task that is due from `start` up to, and without, `end`.

    A line is the local time, `2026-03-29 03:00+02:00`, and, if the occurrence does not run then, what becomes
    of it: `runs at …`, `missed: …` or `skipped: …`. During `outages`, from one moment up to another, no beat
    is there; the task's misfire policy decides what follows. Moments are aware datetimes, or ISO 8601 texts,
    in the schedule's zone if they have no offset. `id` and `handler` may be left out of the task.

    Does not take into account what depends on runs: overlap, limits, budgets, upstream tasks, conditions
    other than `workday` and `window`, and `spread_seconds`.

    Raises:
        InvalidTaskError: the task is wrong; lists every problem.
        ValueError: a moment cannot be read, there are more than 10,000 lines, or the schedule counts from the
            end of runs.
    """
    whole = {"id": "task", "handler": "handlers.hello.run", **task}
    definition = parse_task(whole, read_text=read_calendar)
    schedule = definition.schedule
    if schedule.is_fixed_delay:
        raise ValueError('with "measure_from": "finish" due times depend on when runs end')
    first, last, *downs = (
        _instant(one, schedule.zone) for one in (start, end, *(moment for pair in outages for moment in pair))
    )
    lines: list[str] = []
    due = schedule.next_after(first - timedelta.resolution)
    while due is not None and due < last:
        now = next((to for at, to in zip(downs[::2], downs[1::2], strict=True) if at <= due < to), due)
        decision = decide(definition, due.timestamp(), now)
        lines += [_line(action, now, definition) for action in decision.actions]
        if len(lines) > MOST_LINES:
            raise ValueError(f"the timeline has more than {MOST_LINES:,} lines; choose a later start or end")
        due = None if decision.next_due is None else from_unix(decision.next_due)
    return lines


def _instant(moment: Moment, zone: ZoneInfo) -> datetime:
    return earliest(datetime.fromisoformat(moment) if isinstance(moment, str) else moment, zone)


def _line(action: Action, now: datetime, task: TaskDefinition) -> str:
    zone = task.schedule.zone
    at = _local(action.scheduled_time, zone)
    if not isinstance(action, Fire):
        return f"{at} missed: {action.reason}"
    unmet = unmet_words(DueTime(action.scheduled_time), task.schedule, task.condition)
    if unmet is not None:
        return f"{at} skipped: {unmet}"
    return f"{at} runs at {_local(now, zone)}" if action.is_catch_up else at


def _local(moment: datetime, zone: ZoneInfo) -> str:
    here = moment.astimezone(zone)
    is_whole_minute = not (here.second or here.microsecond)
    return here.isoformat(" ", timespec="minutes" if is_whole_minute else "auto")
