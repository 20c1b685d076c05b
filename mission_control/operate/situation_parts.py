"""What a situation is made of; a part whose key has the wrong type reads as if the key were empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from redis import Redis

from mission_control.ledger.backfills import open_backfills
from mission_control.ledger.run_reader import RunReader
from mission_control.model.runs.backfill_plan import BackfillPlan
from mission_control.model.runs.run_record import RunRecord
from mission_control.operate.budgets import budgets_in_words
from mission_control.operate.journal import QUARANTINE_KEYS, quarantine_notes
from mission_control.operate.overdue import overdue
from mission_control.operate.redbeat_entries import RedBeatEntry, redbeat_entries
from mission_control.registry.grants import count_waiting
from mission_control.registry.pauses import NO_PAUSES, PAUSE_KEYS, PausesSeen, read_pauses
from mission_control.registry.registry import Registry
from mission_control.registry.task_views import Overview
from mission_control.store import redis_keys
from mission_control.store.redis_keys import RedBeatKeys

_DUE_SHOWN: Final = 5
_ENDED_COUNTED: Final = 10_000
_DAY: Final = timedelta(hours=24)


@dataclass(frozen=True)
class SoundParts:
    """What is read of an installation at `now`, of `only` some tasks if these are given."""

    client: Redis
    registry: Registry
    ledger: RunReader
    now: datetime
    redbeat_keys: RedBeatKeys
    wrong: Collection[str]
    only: Collection[str] | None

    def _is_sound(self, *keys: str) -> bool:
        return not any(key in self.wrong for key in keys)

    def tasks(self) -> Overview:
        """Return how many tasks there are, and which are due first."""
        if not self._is_sound(redis_keys.TASKS):
            return Overview(0, 0, [])
        return self.registry.overview(due_limit=_DUE_SHOWN, only=self.only)

    def active(self) -> list[RunRecord]:
        """Return the runs that are not over."""
        found = self.ledger.active() if self._is_sound(redis_keys.ACTIVE_RUNS) else []
        return [run for run in found if self.only is None or run.task_id in self.only]

    def quarantine_notes(self, tasks: Overview) -> list[dict[str, str]]:
        """Return what is in quarantine, and tasks that cannot be read though no beat has noticed it yet."""
        is_sound = self._is_sound(*QUARANTINE_KEYS)
        notes = quarantine_notes(self.client, self.redbeat_keys) if is_sound else []
        if self.only is not None:
            return [one for one in notes if one["kind"] == "task" and one["what"] in self.only]
        return notes + (_unnoticed(self.registry, tasks, notes) if self._is_sound(redis_keys.TASKS) else [])

    def pauses(self) -> PausesSeen:
        """Return all pauses and breakers."""
        return read_pauses(self.client) if self._is_sound(*PAUSE_KEYS) else NO_PAUSES

    def late(self) -> list[str]:
        """Return the occurrences that no beat has fired in time."""
        if not self._is_sound(self.redbeat_keys.schedule, redis_keys.TASKS):
            return []
        found = overdue(self.client, self.registry, self.redbeat_keys, self.now)
        return [one for one in found if self.only is None or one.partition("@")[0] in self.only]

    def outcomes(self) -> dict[str, int]:
        """Return how many of the runs that ended within a day ended in which state."""
        if not self._is_sound(redis_keys.FINISHED_RUNS):
            return {}
        ended = self.ledger.ended_ids(since=self.now - _DAY, limit=_ENDED_COUNTED)
        return dict(Counter(filter(None, self.ledger.states(ended))).most_common())

    def redbeat_entries(self) -> list[RedBeatEntry]:
        """Return the entries that another program has scheduled."""
        is_sound = self._is_sound(self.redbeat_keys.schedule, redis_keys.TASKS)
        return redbeat_entries(self.client, self.redbeat_keys) if is_sound else []

    def backfills(self) -> list[BackfillPlan]:
        """Return the backfills that are not over."""
        is_sound = self._is_sound(redis_keys.BACKFILLS)
        return [one.plan for one in open_backfills(self.client)] if is_sound else []

    def budgets(self) -> list[str]:
        """Return how much of each budget is spent, in words."""
        return budgets_in_words(self.client, self.now) if self._is_sound(redis_keys.BUDGETS) else []

    def approvals(self) -> int:
        """Return how many changes wait for an approval."""
        return count_waiting(self.client) if self._is_sound(redis_keys.GRANTS) else 0


def _unnoticed(
    registry: Registry, readable: Overview, notes: Sequence[Mapping[str, str]]
) -> list[dict[str, str]]:
    """Return notes of the tasks that cannot be read and that no beat has noticed yet."""
    if readable.enabled + readable.disabled == len(registry.ids()):
        return []
    known = {note["what"] for note in notes}
    unreadable = registry.unreadable()
    return [{"kind": "task", "what": one, "problem": unreadable[one]} for one in unreadable.keys() - known]
