"""How much is due in each stretch of the hours to come, by the schedules of tasks."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from mission_control.model.definitions.due_times import spread_of
from mission_control.model.definitions.task import TaskDefinition

MOST_COMPUTED: Final = 30_000
"""How many occurrences are computed at most; the tasks whose would come after them are left out."""


@dataclass(frozen=True)
class Pressure:
    """How many occurrences are due in each `step` from `first` on; those of `left_out` tasks are missing."""

    first: datetime
    step: timedelta
    counts: list[int]
    left_out: int


def pressure(tasks: Iterable[TaskDefinition], first: datetime, *, step: timedelta, steps: int) -> Pressure:
    """Return what is due from `first` on. Tasks with the same schedule are computed once."""
    alike, example = Counter[str](), dict[str, TaskDefinition]()
    for task in tasks:
        if task.enabled and task.schedule.has_occurrences:
            key = f"{task.schedule.model_dump_json()}{spread_of(task).total_seconds()}"
            alike[key] += 1
            example[key] = task
    counts, left, left_out, end = [0] * steps, MOST_COMPUTED, 0, first + step * steps
    for key, many in alike.items():
        task = example[key]
        spread = spread_of(task)
        times = list(islice(task.schedule.occurrences(first - spread, end - spread), max(left, 0)))
        left_out += many if left <= len(times) else 0
        left -= len(times)
        for moment in times:
            at = int((moment + spread - first) / step)
            if 0 <= at < steps:
                counts[at] += many
    return Pressure(first, step, counts, left_out)
