"""Built-in conditions of tasks, decided as their occurrences fall due, without a worker."""

from dataclasses import dataclass
from datetime import datetime

from redis import Redis

from beat.entries.due_entries import DueTask
from beat.firing.downstream_tasks import dependencies_of
from mission_control.model.policies.condition import NO_FACTS, with_condition
from mission_control.model.policies.misfire import Decision
from mission_control.registry.condition_facts import condition_facts


@dataclass(frozen=True)
class Conditions:
    """Asks the conditions. A task without one costs nothing; one that the time decides asks no Redis."""

    client: Redis

    def applied(self, entry: DueTask, decision: Decision, now: datetime) -> Decision:
        """Return a decision with what the task's condition keeps from running skipped.

        Raises:
            RedisError: Redis refuses, or cannot be reached.
        """
        condition = entry.task.condition
        if condition is None or condition.handler is not None or not decision.actions:
            return decision
        notes_idle = "idle" in entry.task.notify.on
        if condition.is_foreseeable and not notes_idle:
            facts = NO_FACTS
        else:
            facts = condition_facts(self.client, entry.task_id, condition, dependencies_of(entry), now)
        return with_condition(entry.task, condition, decision, now, facts)


def is_decided_ahead(entry: DueTask) -> bool:
    """Whether what is decided some seconds before an occurrence still holds when it is due."""
    condition = entry.task.condition
    return condition is None or condition.is_foreseeable or condition.handler is not None
