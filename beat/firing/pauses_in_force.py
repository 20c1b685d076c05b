"""The pauses by which beat decides; the fire script refuses what was decided by others."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from beat.entries.due_entries import DueTask
from mission_control.model.policies.due_decision import fires, open_breaker
from mission_control.model.policies.misfire import Decision
from mission_control.model.policies.pause import PauseKind, PauseLayer, TaskFacts
from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.registry.breakers import Breakers


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
