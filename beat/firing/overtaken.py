"""Occurrences that no beat had fired when their task was changed or removed: they are missed, and say so."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
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
from mission_control.model.policies.misfire import MOST_AT_ONCE, Action, Miss, decide
from mission_control.model.values.instants import format_instant, from_unix
from mission_control.store import redis_keys

_KEY: Final = redis_keys.OVERTAKEN


@dataclass(frozen=True)
class Overtaken:
    """Records what changes of tasks have overtaken.

    The step that changes or removes an overdue task notes its former definition, since when it was due, and
    until when that held. The note stays until all of its occurrences are recorded. Recording one twice is
    harmless, because of its run's id.
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
            key, text, due, until = json.loads(note)
            entry, end = due_task(key, float(due), float(due), text.encode()), from_unix(float(until))
        except Exception as error:  # noqa: BLE001  # whatever it holds, the others must not wait for it
            events.overtaken_unreadable(error)
            return self._replace(note)
        rest = self._recorded(entry, end)
        if rest is None:
            return 0
        following = json.dumps([key, text, repr(rest), until]) if rest <= float(until) else None
        return self._replace(note, following)

    def _recorded(self, entry: DueTask, until: datetime) -> float | None:
        """Record some occurrences; return when the next is due, or None if the task was changed again."""
        found: Any = self.client.hget(entry.key, "revision")
        what = "removed" if found is None else "changed"
        reason = f"the task was {what} at {format_instant(until)}, and no beat had fired this occurrence"
        spread = spread_offset(entry.task_id, entry.task.schedule.spread_seconds)
        most = max(1, min(MOST_AT_ONCE, MOST_BYTES // entry.size))
        decision = decide(entry.task, entry.due, until, spread=spread, most=most)
        actions = tuple(_missed(action, reason) for action in decision.actions)
        now = self.clock()
        request = self.requests.of_overtaken(entry, actions, now, revision=found or "")
        if request not in self.commit([request], now).committed:
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


def _missed(action: Action, reason: str) -> Miss:
    if isinstance(action, Miss) and action.stands_for_others:
        return action
    return Miss(action.scheduled_time, reason)
