"""What tasks of a grant need a day: runs and dollars."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice
from math import inf, isinf
from typing import Final

from mission_control.model.definitions.grant import Grant
from mission_control.model.definitions.task import TaskDefinition

_LOOKED_AT: Final = 20_000
_DAY: Final = timedelta(days=1)


def need_words(unit: str, wanted: float, most: float) -> str:
    """Say why so much of a unit a day needs an approval."""
    if unit == "runs":
        return f"its tasks would be due {wanted:g} times a day, and more than {most:g} need an approval"
    if isinf(wanted):
        return (
            'it is not known what a run spends; declare it: "budgets": [{"name": "grant:NAME", "usd": 0.1}]'
        )
    return f"its tasks would spend about {wanted:.9g} dollars a day, and more than {most:g} need an approval"


def needs_a_day(
    tasks: Mapping[str, TaskDefinition], grant: Grant, costs: Mapping[str, float], now: datetime
) -> dict[str, float]:
    """Return how often tasks are due and what they spend a day on average until they expire, if changed now.

    A run spends what its task says, or what runs have spent on average if that is more; `inf` if neither is
    known. A task that comes after others counts as often as all of these, as far as they are among the tasks.
    """
    counts = runs_a_day(tasks, grant, now)
    usd = sum(runs * _dollars(tasks[name], costs) for name, runs in counts.items() if runs)
    return {"runs": round(sum(counts.values()), 1), "usd": usd}


def _dollars(task: TaskDefinition, costs: Mapping[str, float]) -> float:
    known = [one.usd for one in task.budgets if one.usd is not None]
    return max([*known, *([costs[task.id]] if task.id in costs else [])], default=inf)


def runs_a_day(tasks: Mapping[str, TaskDefinition], grant: Grant, now: datetime) -> dict[str, float]:
    """Return how often each of some tasks is due a day, as `needs_a_day` counts."""
    end, counts = grant.task_end(now), dict[str, int]()

    def count(task_id: str) -> int:
        task = tasks.get(task_id)
        if task is None or not task.enabled:
            return 0
        if task_id not in counts:
            counts[task_id] = 0  # ends the walk around a cycle, which the registry refuses
            times = islice(task.schedule.occurrences(now, end), _LOOKED_AT)
            counts[task_id] = sum(1 for _ in times) + sum(count(one.task) for one in task.after)
        return counts[task_id]

    return {name: count(name) / max((end - now) / _DAY, 1) for name in tasks}
