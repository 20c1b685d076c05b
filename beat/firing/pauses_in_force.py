"""The pauses by which beat decides; the fire script refuses what was decided by others."""

from datetime import datetime, timedelta

from redis import Redis

from beat.entries.due_entries import DueTask
from mission_control.model.policies.misfire import Decision
from mission_control.model.policies.pause import PauseLayer, TaskFacts, cause_of, kept_back
from mission_control.registry.pauses import read_pauses


class PausesInForce:
    """The pauses as they were read last; `version` tells the fire script which those are."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._layers: tuple[PauseLayer, ...] = ()
        self.version = ""

    def refresh(self) -> None:
        """Read them again."""
        seen = read_pauses(self._client)
        self.version, self._layers = seen.version, seen.layers

    def applied(self, entry: DueTask, decision: Decision, now: datetime, spread: timedelta) -> Decision:
        """Return a decision with what a pause keeps from running skipped."""
        if not self._layers:
            return decision
        task = entry.task
        facts = TaskFacts(entry.task_id, task.owner, entry.tags, task.queue, task.handler)
        return kept_back(
            task, decision, lambda nominal: cause_of(self._layers, facts, nominal + spread, now), now
        )
