"""The heartbeat of a process that stays alive for a test, however slow the machine is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mission_control.store import redis_keys

if TYPE_CHECKING:
    from redis import Redis


def seem_alive(client: Redis, kind: str, name: str, **info: Any) -> None:
    """Leave the heartbeat of a process that lasts a minute."""
    client.set(redis_keys.process(kind, name), json.dumps(info), ex=60)
    client.zadd(redis_keys.PROCESS_NAMES, {f"{kind}:{name}": 0})
