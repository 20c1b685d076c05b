"""Why nothing is due at a moment: what the schedule says, and what it would say without one of its limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mission_control.model.definitions.schedules import AnySchedule, ScheduleBase
from mission_control.model.definitions.schedules.clock.calendar_words import WEEKDAYS
from mission_control.model.definitions.schedules.clock.wall_clock import Dst, earliest, to_local
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.runs.changed_occurrence import has_occurrence
from mission_control.model.values.instants import format_instant, from_unix
from mission_control.operate.why.evidence import Evidence
from mission_control.operate.why.explanation import Finding, Source, Verdict

_FIELDS: Final = ("year", "month", "day", "hour", "minute", "second")
_LIMITS: Final = {"exclude": "excluded", "start": "before_start", "end": "after_end", "dst": "dst"}
_NONE: Final = {"exclude": (), "start": None, "end": None, "dst": Dst(gap="next", fold="both")}


def not_due(evidence: Evidence) -> Iterator[Finding]:
    """Yield why the task has no occurrence at the moment, the nearest reason first."""
    task, moment = evidence.task, evidence.scheduled
    if task is None or moment is None:
        return
    schedule, created = task.schedule, task.metadata.created
    if created is not None and moment <= created:
        words = f"the task was created at {format_instant(created)}, after that"
        yield _finding("before_creation", words, _first_after(task, created))
    if not schedule.has_occurrences:
        yield _finding("no_schedule", "the task has no schedule")
    elif schedule.is_fixed_delay:
        if evidence.due is None or from_unix(evidence.due) != moment:
            yield _finding(
                "fixed_delay", "its occurrences follow from the ends of its runs; none is known then"
            )
    elif not has_occurrence(schedule, moment):
        yield from _limits(schedule, moment)
        words = f"{schedule.describe()}: {_by_fields(schedule, moment)}; {_nearest(schedule, moment)}"
        yield _finding("not_due", words)


def _first_after(task: TaskDefinition, created: datetime) -> str | None:
    """Return the command that asks about the first occurrence after the task was created."""
    first = task.schedule.next_after(created)
    return None if first is None else f"mission-control why {task.id} --at {format_instant(first)}"


def _finding(code: str, words: str, remedy: str | None = None) -> Finding:
    return Finding(code, words, Verdict.NOT_DUE, remedy, Source.RECOMPUTED)


def _limits(schedule: ScheduleBase, moment: datetime) -> Iterator[Finding]:
    """Yield each limit without which the schedule, or a part of a union, would have an occurrence."""
    if isinstance(schedule, AnySchedule):
        for one in schedule.schedules:
            yield from _limits(one, moment)
    for field, code in _LIMITS.items():
        if has_occurrence(_without(schedule, field), moment):
            yield _finding(code, _limit_words(schedule, field, to_local(moment, schedule.zone)))


def _without(schedule: ScheduleBase, field: str) -> ScheduleBase:
    """Return the schedule without one of its limits; its answers so far are not taken over."""
    kept: dict[str, Any] = {name: getattr(schedule, name) for name in type(schedule).model_fields}
    return type(schedule).model_construct(**{**kept, field: _NONE[field]})


def _limit_words(schedule: ScheduleBase, field: str, local: datetime) -> str:
    if field == "exclude":
        by = [one.describe() for one in schedule.exclude if one.span(local, schedule.zone) is not None]
        return f"the schedule excludes that time: {', '.join(by)}"
    if field == "dst":
        rule = f"dst is gap {schedule.dst.gap}, fold {schedule.dst.fold}"
        return f"clocks in {schedule.timezone} change then, and {rule}"
    word = "starts" if field == "start" else "ended"
    return f"the schedule {word} at {getattr(schedule, field)} ({schedule.timezone})"


def _by_fields(schedule: ScheduleBase, moment: datetime) -> str:
    """Say which field of the local time has no occurrence, the largest first.

    >>> from mission_control.model.definitions.schedules import DailySchedule
    >>> nine = DailySchedule(time="09:00")
    >>> _by_fields(nine, datetime.fromisoformat("2026-03-01T09:05Z"))
    'year 2026, month 03, day 01 and hour 09 match, minute 05 does not'
    """
    local = to_local(moment, schedule.zone)
    for at, field in enumerate(_FIELDS):
        start, end = _span(local, at)
        first = schedule.next_after(earliest(start, schedule.zone) - timedelta.resolution)
        if first is None or first >= earliest(end, schedule.zone):
            matching = [f"{name} {getattr(local, name):02}" for name in _FIELDS[:at]]
            *others, last = matching or [""]
            before = (
                f"{', '.join(others)} and {last} match, " if others else f"{last} matches, " if last else ""
            )
            day = f" ({WEEKDAYS[local.weekday()].capitalize()})" if field == "day" else ""
            return f"{before}{field} {getattr(local, field):02}{day} does not"
    return "only the fraction of the second does not match"


def _span(local: datetime, at: int) -> tuple[datetime, datetime]:
    """Return the year, month, … second that a local time lies in."""
    least = (1, 1, 1, 0, 0, 0)
    parts = [getattr(local, name) for name in _FIELDS[: at + 1]]
    start = datetime(*parts, *least[at + 1 :])  # noqa: DTZ001  # local
    if at > 1:
        return start, start + timedelta(**{f"{_FIELDS[at]}s": 1})
    is_year = at == 0
    later = start + timedelta(days=366 if is_year else 31)
    return start, later.replace(month=1, day=1) if is_year else later.replace(day=1)


def _nearest(schedule: ScheduleBase, moment: datetime) -> str:
    """Say which occurrences are next to a moment."""
    found = [schedule.previous_before(moment), schedule.next_after(moment)]
    times = [format_instant(one.astimezone(UTC)) for one in found if one is not None]
    return f"the nearest occurrences are {' and '.join(times)}" if times else "it has no occurrence"
