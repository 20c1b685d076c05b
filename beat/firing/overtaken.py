"""Occurrences that no beat had fired when their task was changed or removed: they are missed, and say so."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from redis import Redis

from beat.entries.due_entries import DueTask, due_task
from beat.firing.batches import MOST_BYTES
from beat.firing.commit import Verdicts
from beat.firing.fire_request import FireRequest, FireRequests
from beat.firing.firing import Firing
from mission_control.events import events
from mission_control.model.definitions.schedules import spread_offset
from mission_control.model.policies.misfire import MOST_AT_ONCE
from mission_control.model.policies.overtaken import decide_overtaken
from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.model.values.instants import from_unix
from mission_control.store import redis_keys

_KEY: Final = redis_keys.OVERTAKEN


@dataclass(frozen=True)
class Overtaken:
    """Records what changes of tasks have overtaken.

    The step that changes or removes a task of which something is overdue notes its former definition, since
    when it was due, until when that held, and which of its occurrences were changed by hand. The note stays
    until all of its occurrences are recorded. Recording one twice is harmless, because of its run's id.
    """

    client: Redis
    requests: FireRequests
    commit: Callable[[list[FireRequest], datetime], Verdicts]
    clock: Callable[[], datetime]

    @classmethod
    def of(cls, firing: Firing, client: Redis, clock: Callable[[], datetime]) -> Self:
        """Return the one that commits as `firing` does."""
        return cls(client, firing.requests, firing.committed, clock)

    def record(self) -> int:
        """Record occurrences of the oldest note, as many as are decided about at once; return whether it did.

        Raises:
            NotLeadingError: another beat leads.
            RedisError: the next call goes on.
        """
        note: Any = self.client.lindex(_KEY, 0)
        if note is None:
            return 0
        try:
            key, text, due, until, *changes = json.loads(note)
            since, end = float(due or "inf"), from_unix(float(until))
            entry = due_task(key, since, since, text.encode())
            changed = [ChangedOccurrence.from_json(one) for one in changes]
        except Exception as error:  # noqa: BLE001  # whatever it holds, the others must not wait for it
            events.overtaken_unreadable(error)
            return self._replace(note)
        rest = self._recorded(entry, changed, end)
        if rest is None:
            return 0
        following = [key, text, repr(rest), until, *changes]
        return self._replace(note, json.dumps(following) if rest <= float(until) else None)

    def _recorded(
        self, entry: DueTask, changed: Sequence[ChangedOccurrence], until: datetime
    ) -> float | None:
        """Record some occurrences; return when the next is due, or None if the task was changed again."""
        found: Any = self.client.hget(entry.key, "revision")
        spread = spread_offset(entry.task_id, entry.task.schedule.spread_seconds)
        most = max(1, min(MOST_AT_ONCE, MOST_BYTES // entry.size))
        decision = decide_overtaken(
            entry.task, entry.due, changed, until, spread=spread, most=most, is_removed=found is None
        )
        now = self.clock()
        if decision.actions:
            request = self.requests.of_overtaken(entry, decision.actions, now, revision=found or "")
            verdicts = self.commit([request], now)
            if verdicts.is_stale:  # the pauses, which decide nothing here, were others; they are read again
                verdicts = self.commit([request], now)
            if request not in verdicts.committed:
                return None
        is_last = decision.next_due is None or entry.task.schedule.is_fixed_delay
        return math.inf if is_last else decision.next_due

    def _replace(self, note: str, rest: str | None = None) -> int:
        with self.client.pipeline() as pipe:
            pipe.lrem(_KEY, 1, note)
            if rest is not None:
                pipe.lpush(_KEY, rest)
            pipe.execute()
        return 1
