"""What the condition of a task says, asked for people."""

from datetime import datetime

from redis import Redis

from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.condition import decide_condition
from mission_control.registry.condition_facts import condition_facts


def condition_words(client: Redis, task: TaskDefinition, now: datetime) -> str | None:
    """Return a task's condition, and what it says now if it is a built-in one; None if the task has none."""
    if task.condition is None or task.condition.handler is not None:
        return None if task.condition is None else task.condition.describe()
    facts = condition_facts(client, task.id, task.condition, task.after, now)
    answer = decide_condition(task.condition, now, now, task.schedule.zone, facts)
    return f"{task.condition.describe()}; now: {'yes' if answer.holds else 'no'} ({answer.seen})"
