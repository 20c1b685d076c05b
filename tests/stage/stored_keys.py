"""What Redis holds, to be compared with what it holds later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mission_control.store import redis_keys

if TYPE_CHECKING:
    from redis import Redis


def stored_keys(client: Redis) -> dict[str, bytes]:
    """Return all keys with their values, but for the anchors of earlier records, which may come late."""
    found: Any = client.scan_iter("*")
    return {key: client.dump(key) for key in sorted(found) if key != redis_keys.AUDIT_ANCHORS}  # type: ignore[misc]
