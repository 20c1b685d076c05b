"""The pauses by which beat decides; the fire script refuses what was decided by others."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from beat.entries.due_entries import DueTask
from mission_control.model.policies.breaker import only_probe
from mission_control.model.policies.misfire import Decision, Fire
from mission_control.model.policies.occurrence_changes import with_changes
from mission_control.model.policies.pause import PauseKind, PauseLayer, TaskFacts, cause_of, kept_back
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

    def with_changes(self, entry: DueTask, decision: Decision, now: datetime, spread: timedelta) -> Decision:
        """Return a decision with single occurrences skipped, or run at the time that they were moved to."""
        changed = self._changed.get(entry.task_id)
        return with_changes(entry.task, decision, changed, now, spread) if changed else decision

    def applied(self, entry: DueTask, decision: Decision, now: datetime, spread: timedelta) -> Decision:
        """Return a decision with what a pause keeps from running skipped; an open breaker may let one run."""
        layers = self._selecting(entry) if self._layers else []
        if not layers:
            return decision
        decision = kept_back(
            entry.task, decision, lambda nominal: cause_of(layers, nominal + spread, now), now
        )
        breaker = next((one for one in layers if one.kind is PauseKind.BREAKER and not one.is_over), None)
        if breaker is None or not any(isinstance(one, Fire) for one in decision.actions):
            return decision
        self._probes[entry.key] = breaker, entry.task.probe_after
        return only_probe(decision, breaker)

    def note_probes(self, fired: Iterable[str]) -> None:
        """Note that the entries of these keys were fired: some of them may be probes."""
        if self._probes:
            for key in fired:
                if probe := self._probes.pop(key, None):
                    self._breakers.probe(*probe)

    def _selecting(self, entry: DueTask) -> list[PauseLayer]:
        task = entry.task
        facts = TaskFacts(entry.task_id, task.owner, entry.tags, task.queue, task.handler)
        has_breaker = task.pause_after_failures is not None
        kinds = [kind for kind in PauseKind if has_breaker or kind is not PauseKind.BREAKER]
        keys = ((kind, value) for kind in kinds for value in facts.values_of(kind))
        return [layer for key in keys for layer in self._layers.get(key, ())]
