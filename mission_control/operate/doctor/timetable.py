"""When many tasks are due next: a sample, bounded so that 10,000 tasks take a second or two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, pairwise
from typing import Final

from mission_control.model.definitions.due_times import spread_of
from mission_control.model.definitions.task import TaskDefinition

MOST_TASKS: Final = 20_000
_MOST_TIMES: Final = 30_000
_LEAST_EACH: Final = 3
_MOST_EACH: Final = 100


@dataclass(frozen=True)
class Timetable:
    """The next due times of each enabled task with a schedule, in Unix seconds, by its id.

    `left_out` tasks were not looked at.
    """

    now: datetime
    times: Mapping[str, Sequence[float]]
    left_out: int = 0

    def period(self, task_id: str) -> float | None:
        """Return the shortest time between two occurrences, in seconds; None if there is no second one."""
        times = self.times.get(task_id, ())
        return min((later - one for one, later in pairwise(times)), default=None)

    def per_second(self, task_id: str) -> float:
        """Return how often a task is due in a second, on average."""
        times = self.times.get(task_id, ())
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0


def timetable_of(tasks: Sequence[TaskDefinition], now: datetime) -> Timetable:
    """Return when enabled tasks are due next: of few tasks the next hundred times, of many the next three."""
    due = [one for one in tasks if one.enabled and one.schedule.has_occurrences]
    looked_at = due[:MOST_TASKS]
    each = max(_LEAST_EACH, min(_MOST_EACH, _MOST_TIMES // max(1, len(looked_at))))
    times = {one.id: [*islice(_times(one, now), each)] for one in looked_at}
    return Timetable(now, times, len(due) - len(looked_at))


def _times(task: TaskDefinition, now: datetime) -> Iterator[float]:
    spread = spread_of(task).total_seconds()
    return (nominal.timestamp() + spread for nominal in task.schedule.occurrences(now))
