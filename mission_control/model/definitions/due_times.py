"""When a task is next due: the nominal occurrence and the instant at which it is fired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mission_control.model.definitions.schedules import spread_offset
from mission_control.model.values.instants import from_unix

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from mission_control.model.definitions.task import TaskDefinition


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
    return None if nominal is None else (nominal + spread).timestamp()


def nominal_time(task: TaskDefinition, due: float) -> datetime:
    """Return the nominal time of the occurrence whose due instant is `due` (microseconds are exact)."""
    return from_unix(due) - spread_of(task)


def nominal_time_of(definition: Mapping[str, Any], due: float) -> datetime:
    """Return the same of a stored definition, which need not be parsed for it."""
    spread_seconds = definition["schedule"].get("spread_seconds", 0)
    return from_unix(due) - spread_offset(definition["id"], spread_seconds)


def has_beginning(task: TaskDefinition) -> bool:
    """Whether the schedule says from when on it counts, so that there is something to catch up from."""
    return task.schedule.start is not None or task.schedule.type == "once"
