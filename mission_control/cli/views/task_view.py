"""A task's schedule and next due time in words."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from mission_control.cli.terminal.wording import both_times, own_zone

if TYPE_CHECKING:
    from mission_control.model.definitions.schedules import ScheduleBase
    from mission_control.model.definitions.task import TaskDefinition


def when_it_runs(task: TaskDefinition, now: datetime) -> str:
    """Return the schedule of a task in words, and when it is due next."""
    words = rule_of(task)
    return f"{words}; {_next_due(task, now)}" if task.schedule.has_occurrences else words


def rule_of(task: TaskDefinition) -> str:
    """Return the schedule of a task in words, with the tasks that it comes after."""
    if not task.after:
        return _described(task.schedule)
    upstream = f"after {', '.join(one.task for one in task.after)}"
    return f"{_described(task.schedule)}, {upstream}" if task.schedule.has_occurrences else upstream


@lru_cache(maxsize=1_000)
def _described(schedule: ScheduleBase) -> str:
    return schedule.describe()


def _next_due(task: TaskDefinition, now: datetime) -> str:
    from mission_control.model.definitions.due_times import due_after
    from mission_control.model.values.instants import from_unix

    if not task.enabled:
        return "disabled"
    due = due_after(task, now)
    if due is None:
        return "it has no further time"
    return f"next due {both_times(from_unix(due), own_zone(), task.schedule.zone, now)}"
