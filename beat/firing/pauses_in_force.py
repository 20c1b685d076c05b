"""What holds occurrences back as they fall due: pauses, which the fire script checks too, and conditions."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from redis import Redis

from beat.entries.due_entries import DueTask
from mission_control.model.policies.condition import NO_FACTS, ConditionFacts
from mission_control.model.policies.due_decision import fires, open_breaker
from mission_control.model.policies.misfire import Decision
from mission_control.model.policies.pause import PauseKind, PauseLayer, TaskFacts
from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.registry.condition_facts import condition_facts
from mission_control.registry.pauses import Breakers


class PausesInForce:
    """The pauses as they were read last; `version` tells the fire script which those are."""

    def __init__(self, breakers: Breakers) -> None:
        self._breakers = breakers
        self._layers: dict[tuple[PauseKind, str], list[PauseLayer]] = {}
        self._probes: dict[str, tuple[PauseLayer, Sequence[float]]] = {}
        self._changed: dict[str, list[ChangedOccurrence]] = {}
        self.version = ""

    def refresh(self) -> None:
        """Read them again."""
        seen, layers = self._breakers.pauses.read(), defaultdict(list)
        for layer in seen.layers:
            layers[layer.kind, layer.value].append(layer)
        changed = defaultdict(list)
        for one in seen.changed:
            changed[one.task_id].append(one)
        self.version, self._layers, self._changed = seen.version, layers, changed
        self._probes.clear()

    def changed_of(self, entry: DueTask) -> Sequence[ChangedOccurrence]:
        """Return the single occurrences of a task that were skipped or moved by hand."""
        return self._changed.get(entry.task_id, ())

    def note_decision(self, entry: DueTask, layers: Sequence[PauseLayer], decision: Decision) -> None:
        """Note what was decided by `layers`: what an open circuit breaker lets run is its probe."""
        if layers and (breaker := open_breaker(layers)) is not None and fires(decision):
            self._probes[entry.key] = breaker, entry.task.probe_after

    def note_probes(self, fired: Iterable[str]) -> None:
        """Note that the entries of these keys were fired: some of them may be probes."""
        if self._probes:
            for key in fired:
                if probe := self._probes.pop(key, None):
                    self._breakers.probe(*probe)

    def selecting(self, entry: DueTask) -> list[PauseLayer]:
        """Return the layers that are about a task."""
        if not self._layers:
            return []
        task = entry.task
        facts = TaskFacts(entry.task_id, task.owner, entry.tags, task.queue, task.handler)
        has_breaker = task.pause_after_failures is not None
        kinds = [kind for kind in PauseKind if has_breaker or kind is not PauseKind.BREAKER]
        keys = ((kind, value) for kind in kinds for value in facts.values_of(kind))
        return [layer for key in keys for layer in self._layers.get(key, ())]


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
