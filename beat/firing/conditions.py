"""Built-in conditions of tasks, decided as their occurrences fall due, without a worker."""

from dataclasses import dataclass
from datetime import datetime

from redis import Redis

from beat.entries.due_entries import DueTask
from mission_control.model.policies.condition import NO_FACTS, ConditionFacts
from mission_control.registry.condition_facts import condition_facts


@dataclass(frozen=True)
class Conditions:
    """Asks the conditions. A task without one costs nothing; one that the time decides asks no Redis."""

    client: Redis

    def facts(self, entry: DueTask, now: datetime) -> ConditionFacts:
        """Return what the task's built-in condition is decided by.

        Raises:
            RedisError: Redis refuses, or cannot be reached.
        """
        condition = entry.task.condition
        if condition is None or (condition.is_foreseeable and "idle" not in entry.task.notify.on):
            return NO_FACTS
        from beat.firing.downstream_tasks import dependencies_of

        return condition_facts(self.client, entry.task_id, condition, dependencies_of(entry), now)


def is_decided_ahead(entry: DueTask) -> bool:
    """Whether what is decided some seconds before an occurrence still holds when it is due."""
    condition = entry.task.condition
    return condition is None or condition.is_foreseeable or condition.handler is not None
