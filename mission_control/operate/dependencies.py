"""Questions about what keeps a task waiting: tasks that it comes after, and its condition."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from redis import Redis

from mission_control.ledger.run_reader import RunReader
from mission_control.ledger.upstream_runs import UpstreamRuns
from mission_control.model.composition.graph import joined_of
from mission_control.model.composition.joining import Release, decide_join
from mission_control.model.composition.release import upstream_ids
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.condition import decide_condition
from mission_control.model.values.identifiers import downstream_execution_id
from mission_control.registry.condition_facts import condition_facts

_ROOTS_LOOKED_AT = 20


@dataclass(frozen=True)
class OpenJoin:
    """A run of a task that is not decided yet: its root, and the upstream tasks whose end it waits for."""

    root: str
    waits_for: dict[str, str]
    """The state of the run by task, "not begun" if there is none."""


def open_joins(ledger: RunReader, runs: UpstreamRuns, task: TaskDefinition) -> Iterator[OpenJoin]:
    """Return the latest roots of which some upstream run of a task exists, and others have not ended."""
    joined = joined_of(task.after, task.join)
    latest = (run for one in joined for run in ledger.runs_of(one.task, limit=_ROOTS_LOOKED_AT))
    for root in dict.fromkeys(run.root or run.execution_id for run in latest):
        ids = upstream_ids(task.after, task.join, root)
        own = downstream_execution_id(task.id, root)
        found = runs.get([*ids, own])
        ends = [(one, found.get(name)) for one, name in zip(joined, ids, strict=True)]
        verdict = decide_join(
            task.join, [(one.on, None if run is None else run.ended_as) for one, run in ends]
        )
        if own not in found and verdict is Release.WAIT:
            states = {one.task: run for one, run in ends if run is None or run.ended_as is None}
            words = {name: "not begun" if run is None else str(run.state) for name, run in states.items()}
            yield OpenJoin(root, words)


def condition_words(client: Redis, task: TaskDefinition, now: datetime) -> str | None:
    """Return a task's condition, and what it says now if it is a built-in one; None if the task has none."""
    if task.condition is None or task.condition.handler is not None:
        return None if task.condition is None else task.condition.describe()
    facts = condition_facts(client, task.id, task.condition, task.after, now)
    answer = decide_condition(task.condition, now, now, task.schedule.zone, facts)
    return f"{task.condition.describe()}; now: {'yes' if answer.holds else 'no'} ({answer.seen})"


def upstream_graph(tasks: Iterable[TaskDefinition]) -> dict[str, dict[str, str]]:
    """Return tasks that come after others, and these, each with the tasks before it and on what outcome."""
    linked = {task.id: {one.task: str(one.on) for one in task.after} for task in tasks}
    linked = {name: {up: on for up, on in after.items() if up in linked} for name, after in linked.items()}
    before = {one for after in linked.values() for one in after}
    return {name: after for name, after in linked.items() if after or name in before}
