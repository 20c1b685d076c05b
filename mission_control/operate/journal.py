"""Beat's journal: what it fired, missed and set aside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mission_control.store import redis_keys

if TYPE_CHECKING:
    from redis import Redis


def last_notes(client: Redis, limit: int) -> list[dict[str, str]]:
    """Return the last notes, the oldest first; `at` and `event` are in each of them."""
    found: Any = client.xrevrange(redis_keys.BEAT_JOURNAL, count=limit)
    return [dict(fields) for _, fields in reversed(found)]
