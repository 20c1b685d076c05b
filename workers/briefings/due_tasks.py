"""What falls due in a stretch of time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from mission_control.model.definitions.task import TaskDefinition

MOST_LISTED: Final = 6
"""A task due more often than this is told by its rule instead of by its times."""
_MOST_COUNTED: Final = 2_000


@dataclass(frozen=True)
class DueTask:
    """A task with its occurrences in a stretch of time; `times` are the first ones, `count` all of them.

    `is_more` says that counting was given up at `count`.
    """

    task: TaskDefinition
    times: tuple[datetime, ...]
    count: int
    is_more: bool = False

    @property
    def is_frequent(self) -> bool:
        """Whether its times are better told by its rule: there are many, or they are only estimates."""
        return self.count > MOST_LISTED or self.is_estimate

    @property
    def is_estimate(self) -> bool:
        """Whether the times depend on how long runs will take."""
        return getattr(self.task.schedule, "is_fixed_delay", False)


def due_between(tasks: Iterable[TaskDefinition], start: datetime, end: datetime) -> list[DueTask]:
    """Return the enabled tasks with an occurrence after `start` up to and including `end`, soonest first."""
    candidates = (_due(task, start, end) for task in tasks if task.enabled)
    found = [due for due in candidates if due.count]
    return sorted(found, key=lambda due: (due.is_frequent, due.times[0], due.task.id))


def _due(task: TaskDefinition, start: datetime, end: datetime) -> DueTask:
    times = list(islice(task.schedule.occurrences(start, end), _MOST_COUNTED + 1))
    return DueTask(
        task, tuple(times[:MOST_LISTED]), min(len(times), _MOST_COUNTED), is_more=len(times) > _MOST_COUNTED
    )
