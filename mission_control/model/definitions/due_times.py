"""When a task is next due: the nominal occurrence and the instant at which it is fired."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mission_control.errors import Problem
from mission_control.model.definitions.schedules import spread_offset
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.values.instants import from_unix


def spread_of(task: TaskDefinition) -> timedelta:
    """Return how long after its nominal time an occurrence of `task` is fired."""
    return spread_offset(task.id, task.schedule.spread_seconds)


def due_after(task: TaskDefinition, moment: datetime) -> float | None:
    """Return the due instant of the first occurrence fired after `moment`, in Unix seconds.

    None if the task is disabled or has no further occurrence.
    """
    if not task.enabled:
        return None
    spread = spread_of(task)
    nominal = task.schedule.next_after(moment - spread)
    try:
        return None if nominal is None else (nominal + spread).timestamp()
    except OverflowError:  # the spread leads beyond the calendar
        return None


def nominal_time_of(definition: Mapping[str, Any], due: float) -> datetime:
    """Return the nominal time of the occurrence due at `due`, in Unix seconds (microseconds are exact).

    `definition` is a stored one, which need not be parsed for it.
    """
    spread_seconds = definition["schedule"].get("spread_seconds", 0)
    return from_unix(due) - spread_offset(definition["id"], spread_seconds)


def has_beginning(task: TaskDefinition) -> bool:
    """Return whether the schedule says when it begins, so that it can be caught up from there."""
    return task.schedule.start is not None or task.schedule.type == "once"


def over_problem(task: TaskDefinition, now: datetime) -> Problem | None:
    """Return why a task that is new at `now` would never fire, or None.

    A task that was created before its last occurrence, as a file of tasks says, has fired then.
    """
    if not task.enabled or due_after(task, now) is not None:
        return None
    last, created = task.schedule.previous_before(now), task.metadata.created
    if last is not None and created is not None and created <= last:
        return None
    return Problem(
        "schedule",
        f'{task.schedule.describe()}: that is over; write a later time, or "enabled": false to keep the task',
    )
