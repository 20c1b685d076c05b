"""Parked messages: runs that are entered, and whose message waits in Redis for its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from beat.lua import script
from mission_control import redis_keys

if TYPE_CHECKING:
    from mission_control.installation import Installation

_AT_ONCE: Final = 500


def release_parked(installation: Installation, *, uses_outbox: bool = False) -> int:
    """Put the parked messages whose time has come on their queues; return how many, at most `_AT_ONCE`.

    Where the broker is another server or database they go through the outbox.
    """
    release = script(installation.client, "release")
    keys = [redis_keys.PARKED, redis_keys.PARKED_PAYLOADS, redis_keys.OUTBOX]
    now = installation.clock().timestamp()
    answer: Any = release(keys=keys, args=[now, _AT_ONCE, int(uses_outbox)])
    return int(answer)
