"""What Redis holds, to be compared with what it holds later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.client import NEVER_DECODE

from mission_control.store import redis_keys

if TYPE_CHECKING:
    from redis import Redis


def stored_keys(client: Redis) -> dict[str, Any]:
    """Return all keys with their values, but for the anchors of earlier records, which may come late."""
    found: Any = client.scan_iter("*")
    return {key: _value(client, key) for key in sorted(found) if key != redis_keys.AUDIT_ANCHORS}


def _value(client: Redis, key: str) -> Any:
    # The order in which a server dumps a large hash changes while it makes its table larger.
    is_hash = client.type(key) == "hash"
    return client.execute_command("HGETALL", key, **{NEVER_DECODE: True}) if is_hash else client.dump(key)  # type: ignore[no-untyped-call]
