"""What a plan leads to: when tasks are due next, what fires at once, and what a day costs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from redis import Redis

from mission_control.model.definitions.due_times import spread_of
from mission_control.model.definitions.schedules import IntervalSchedule, Schedule
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.misfire import MOST_AT_ONCE, MOST_RECORDED, Fire, decide
from mission_control.operate.plan.task_plan import Plan, TaskChange
from mission_control.registry.registry import Registry
from mission_control.store import redis_keys

_DAY: Final = timedelta(days=1)
_WINDOWS: Final = (timedelta(days=7), timedelta(days=366))
_LOOKED_AT: Final = 300
_MOST_DECISIONS: Final = 2 * MOST_RECORDED // MOST_AT_ONCE


@dataclass(frozen=True)
class Effect:
    """When a task is due before and after a plan, in Unix seconds, and how many runs fire at once."""

    due_before: float | None
    due_after: float | None
    fires_now: int = 0


@dataclass(frozen=True)
class Demand:
    """About how many runs tasks have a day, and what these are expected to spend."""

    runs: float = 0
    usd: float = 0
    tokens: float = 0

    def __add__(self, other: "Demand") -> "Demand":
        return Demand(self.runs + other.runs, self.usd + other.usd, self.tokens + other.tokens)


def effects_of(registry: Registry, plan: Plan, now: datetime) -> dict[str, Effect]:
    """Return what a plan leads to for each task that it changes."""
    found = {
        one.task_id: Effect(None if one.seen is None else one.seen.due, None)
        for one in plan.tasks.values()
        if one.kind == "removed"
    }
    edits = {one.task_id: (one.checked, one.seen) for one in plan.tasks.values() if one.checked is not None}
    due = registry.planned.next_due(edits.values(), catch_up=plan.catch_up)
    for (task, seen), after in zip(edits.values(), due, strict=True):
        fires = 0 if seen is not None else _fires_now(task.definition, after, now)
        found[task.id] = Effect(None if seen is None else seen.due, after, fires)
    return found


def _fires_now(task: TaskDefinition, due: float | None, now: datetime) -> int:
    fires = 0
    for _ in range(_MOST_DECISIONS):  # as beat does: of a long backlog the oldest are decided about first
        if due is None or due > now.timestamp():
            break
        decision = decide(task, due, now, spread=spread_of(task))
        fires, due = fires + sum(isinstance(one, Fire) for one in decision.actions), decision.next_due
    return fires


def demands_of(registry: Registry, client: Redis, plan: Plan, now: datetime) -> tuple[Demand, Demand]:
    """Return what the tasks that a plan changes need a day, before it and after it.

    Only tasks whose needs change count, and only what schedules say, not what runs by hand or after other
    tasks. A run is expected to spend what its task says, else what its runs spent on average.
    """
    changed = [one for one in plan.tasks.values() if one.kind != "unchanged" and _needs_differ(one)]
    before = registry.some(one.task_id for one in changed if one.seen is not None)
    after = [one.task for one in changed if one.task is not None]
    costs = measured(client, {task.id for task in (*before, *after) if task.budgets})
    return _demand(before, costs, now), _demand(after, costs, now)


def _needs_differ(change: TaskChange) -> bool:
    """Return whether a change may change what a task needs a day: those of very many are not read in vain."""
    if change.seen is None or change.checked is None:
        return True
    before, after = change.seen.definition, change.checked.form
    return any(before.get(name) != after.get(name) for name in ("schedule", "enabled", "budgets"))


def measured(client: Redis, task_ids: Iterable[str]) -> dict[str, Mapping[str, str]]:
    """Return what runs of tasks have spent on average, as Redis has it: billionths of a dollar, tokens."""
    ids = sorted(task_ids)
    with client.pipeline(transaction=False) as pipe:
        for task_id in ids:
            pipe.hgetall(redis_keys.cost(task_id))
        answers: Sequence[Any] = pipe.execute(raise_on_error=False) if ids else []
    return {one: found for one, found in zip(ids, answers, strict=True) if isinstance(found, dict)}


def _demand(tasks: Iterable[TaskDefinition], costs: Mapping[str, Mapping[str, str]], now: datetime) -> Demand:
    return sum((demand_of(task, costs.get(task.id, {}), now) for task in tasks), Demand())


def demand_of(task: TaskDefinition, spent: Mapping[str, str], now: datetime) -> Demand:
    """Return what a task needs a day; `spent` is what a run of it spent on average."""
    if not task.enabled or not task.schedule.has_occurrences:
        return Demand()
    runs = runs_a_day(task.schedule, now.replace(minute=0, second=0, microsecond=0))
    usd, tokens = (_expected(task, unit, spent) for unit in ("usd", "tokens"))
    return Demand(runs, runs * usd, runs * tokens)


def _expected(task: TaskDefinition, unit: str, spent: Mapping[str, str]) -> float:
    declared = [amount for use in task.budgets if (amount := getattr(use, unit)) is not None]
    scale = 1e-9 if unit == "usd" else 1
    return float(max(declared)) if declared else float(spent.get(unit, 0)) * scale


@lru_cache(maxsize=1_024)
def runs_a_day(schedule: Schedule, now: datetime) -> float:
    """Return about how many occurrences a schedule has a day, as those of the week or year to come show."""
    if isinstance(schedule, IntervalSchedule) and not (schedule.exclude or schedule.start or schedule.end):
        return _DAY / schedule.period
    for window in _WINDOWS:
        times = list(islice(schedule.occurrences(now, now + window), _LOOKED_AT))
        if len(times) == _LOOKED_AT:
            return (_LOOKED_AT - 1) * _DAY / (times[-1] - times[0])
        if len(times) > 1:
            break
    return len(times) * _DAY / window
