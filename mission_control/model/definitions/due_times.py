"""When a task is next due: the nominal occurrence and the instant at which it is fired."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from typing import Any, Final, Protocol

from mission_control.errors import Problem
from mission_control.model.definitions.schedules import (
    AnySchedule,
    IntervalSchedule,
    OnceSchedule,
    ScheduleBase,
    spread_offset,
)
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.values.instants import from_unix

_SECOND: Final = timedelta(seconds=1)
_LOOKED_AT: Final = 100


class Timed(Protocol):
    """A task, as far as its due times depend on it."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def enabled(self) -> bool:
        """Whether it fires."""

    @property
    def schedule(self) -> ScheduleBase:
        """When it is due."""


def spread_of(task: Timed) -> timedelta:
    """Return how long after its nominal time an occurrence of `task` is fired."""
    return spread_offset(task.id, task.schedule.spread_seconds)


def due_after(task: Timed, moment: datetime) -> float | None:
    """Return the due instant of the first occurrence fired after `moment`, in Unix seconds.

    None if the task is disabled or has no further occurrence.
    """
    if not task.enabled:
        return None
    spread = spread_of(task)
    nominal = _next_after(task.schedule, moment - spread)
    try:
        return None if nominal is None else (nominal + spread).timestamp()
    except OverflowError:  # the spread leads beyond the calendar
        return None


@lru_cache(maxsize=64)
def _next_after(schedule: ScheduleBase, moment: datetime) -> datetime | None:
    return schedule.next_after(moment)  # many tasks that are written at one moment have equal schedules


def nominal_time_of(definition: Mapping[str, Any], due: float) -> datetime:
    """Return the nominal time of the occurrence due at `due`, in Unix seconds (microseconds are exact).

    `definition` is a stored one, which need not be parsed for it.
    """
    spread_seconds = (definition["schedule"] or {}).get("spread_seconds", 0)
    return from_unix(due) - spread_offset(definition["id"], spread_seconds)


def has_beginning(task: Timed) -> bool:
    """Return whether the schedule says when it begins, so that it can be caught up from there."""
    return task.schedule.start is not None or isinstance(task.schedule, OnceSchedule)


def over_problem(task: TaskDefinition, now: datetime) -> Problem | None:
    """Return why a task that is new at `now` would never fire, or None.

    A task that was created before its last occurrence, as a file of tasks says, has fired then.
    """
    if not task.enabled or not task.schedule.has_occurrences or due_after(task, now) is not None:
        return None
    last, created = task.schedule.previous_before(now), task.metadata.created
    if last is not None and created is not None and created <= last:
        return None
    return Problem(
        "schedule",
        f'{task.schedule.describe()}: that is over; write a later time, or "enabled": false to keep the task',
    )


def shortest_gap(schedule: ScheduleBase, after: datetime) -> timedelta | None:
    """Return how close to each other occurrences of a schedule are, so far as the next hundred of them show.

    None if there are fewer than two. Each part of a union is looked at, wherever it begins.

    >>> shortest_gap(IntervalSchedule(minutes=5), datetime.fromisoformat("2026-03-01T00:00Z"))
    datetime.timedelta(seconds=300)
    """
    if isinstance(schedule, IntervalSchedule):
        return schedule.period
    members = schedule.schedules if isinstance(schedule, AnySchedule) else ()
    times = islice(schedule.occurrences(after), _LOOKED_AT)
    gaps = [shortest_gap(one, after) for one in members] + [later - one for one, later in pairwise(times)]
    return min((gap for gap in gaps if gap is not None), default=None)


def interval_problem(task: TaskDefinition, least: timedelta, now: datetime) -> Problem | None:
    """Return why a task is due more often than an installation allows, or None."""
    if least <= _SECOND and _has_whole_seconds(task.schedule):
        return None
    shortest = shortest_gap(task.schedule, now)
    if shortest is None or shortest >= least:
        return None
    return Problem(
        "schedule",
        f"{task.schedule.describe()}: it has occurrences {shortest.total_seconds():g} s apart, and"
        f" {least.total_seconds():g} s is the least here; write a longer interval, or set"
        " MISSION_CONTROL_LEAST_INTERVAL",
    )


def _has_whole_seconds(schedule: ScheduleBase) -> bool:
    if isinstance(schedule, AnySchedule):
        return all(map(_has_whole_seconds, schedule.schedules))
    return not isinstance(schedule, IntervalSchedule)
