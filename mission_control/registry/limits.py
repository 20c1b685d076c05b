"""The named limits."""

from collections.abc import Iterable
from typing import ClassVar

from mission_control.errors import LimitInUseError, UnknownLimitError
from mission_control.model.definitions.named_limit import NamedLimit, value_fault
from mission_control.model.definitions.task import TaskDefinition
from mission_control.registry.named_resources import NamedResources, named
from mission_control.store import redis_keys


class Limits(NamedResources[NamedLimit]):
    """The named limits. Runs that hold slots keep them; runs that wait are judged by a new limit at once."""

    kind = NamedLimit
    key: ClassVar[str] = redis_keys.LIMITS
    unknown: ClassVar = UnknownLimitError
    in_use: ClassVar = LimitInUseError

    def _uses(self, task: TaskDefinition) -> Iterable[tuple[str, int]]:
        return [(use.name, use.weight) for use in task.limits]

    def _use_problem(self, limit: NamedLimit, tasks: Iterable[TaskDefinition]) -> str | None:
        users = [(task, use) for task in tasks for use in task.limits if use.name == limit.name]
        most, per = limit.concurrency, limit.per
        heavy = [task.id for task, use in users if most is not None and use.weight > most]
        if heavy:
            return (
                f"limit {limit.name} cannot have a concurrency of {most}: {named(heavy)} take more; "
                "lower the weight there first"
            )
        lacking = [task.id for task, _ in users if per is not None and value_fault(per, task.params)]
        if lacking:
            return (
                f"limit {limit.name} cannot be per {per}: {named(lacking)} have no such text, number or "
                "boolean; set that first"
            )
        return None

    def _waiting(self, name: str) -> tuple[list[str], int]:
        keys = redis_keys.LimitKeys(name, "*")
        booked, waiting = (
            list(self._client.scan_iter(keys.of(what), count=1_000)) for what in ("booked", "waiting")
        )
        return [*booked, *waiting], len(booked)
