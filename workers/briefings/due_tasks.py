"""The tasks that fall due in a period."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from mission_control.model.definitions.task import TaskDefinition

_MOST_LISTED: Final = 6
_MOST_COUNTED: Final = 2_000


@dataclass(frozen=True)
class DueTask:
    """A task with its first `times` in a period, and their `count`; `is_more` if there are even more."""

    task: TaskDefinition
    times: tuple[datetime, ...]
    count: int
    is_more: bool

    @property
    def is_frequent(self) -> bool:
        """Whether a briefing shows the rule instead of the times: they are many, or only estimates."""
        return self.count > _MOST_LISTED or self.is_estimate

    @property
    def is_estimate(self) -> bool:
        """Whether the times depend on how long runs will take."""
        return self.task.schedule.is_fixed_delay


def due_between(tasks: Iterable[TaskDefinition], start: datetime, end: datetime) -> list[DueTask]:
    """Return the enabled tasks with an occurrence after `start` up to and including `end`, soonest first."""
    candidates = (_due(task, start, end) for task in tasks if task.enabled)
    return sorted(
        (due for due in candidates if due.count), key=lambda due: (due.is_frequent, due.times[0], due.task.id)
    )


def _due(task: TaskDefinition, start: datetime, end: datetime) -> DueTask:
    times = list(islice(task.schedule.occurrences(start, end), _MOST_COUNTED + 1))
    count = min(len(times), _MOST_COUNTED)
    return DueTask(task, tuple(times[:_MOST_LISTED]), count, is_more=len(times) > count)
