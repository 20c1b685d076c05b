"""Parked messages: they wait in Redis for their time, not in a worker's memory."""

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from kombu.utils.json import dumps
from redis import Redis

from mission_control.messaging.transport.task_headers import due_instant
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script

PARKED_HEADER: Final = "mission_control_parked"
"""A message with this header is parked however soon it is due, so that no worker holds it meanwhile."""


class ParkedMessage(NamedTuple):
    """A message to park: beat releases `payload` to its queue at `release_at`."""

    execution_id: str
    release_at: datetime
    payload: str


def to_be_parked(message: dict[str, Any], *, now: datetime, after: timedelta) -> ParkedMessage | None:
    """Return how to park a message that is due after `now + after`; None if it goes straight to its queue.

    The parked message has no `eta`: beat releases it at its time, and a worker whose clock is behind must
    not delay it further.
    """
    headers = message.get("headers")
    if not isinstance(headers, dict) or not isinstance(headers.get("id"), str):
        return None
    due = due_instant(headers)
    if headers.get(PARKED_HEADER) is True:
        after = timedelta(0)
    if due is None or due <= now + after:
        return None
    kept = {name: value for name, value in headers.items() if name != PARKED_HEADER}
    payload = dumps({**message, "headers": {**kept, "eta": None}})
    return ParkedMessage(headers["id"], due, payload)


def park(ledger: Redis, parked: ParkedMessage, queue_key: str) -> bool:
    """Park a message for the list `queue_key`; False if the run has one that is due no later.

    It waits in the ledger's Redis, not in the broker's, which may be another one: beat releases it from
    there, and cancelling or starting the run finds it there.

    Raises:
        RedisError: the ledger's Redis cannot be reached, or refuses.
    """
    keys = [redis_keys.PARKED, redis_keys.PARKED_PAYLOADS]
    args: list[str | float] = [
        parked.execution_id,
        parked.release_at.timestamp(),
        queue_key,
        parked.payload,
        redis_keys.WAKE_CHANNEL,
    ]
    return bool(lua_script(ledger, __package__, "park")(keys=keys, args=args))


def unpark(ledger: Redis, execution_id: str, *, released_at: float) -> bool:
    """Remove a run's parked message; False if there is none, or one with another time.

    `released_at` is in Unix seconds.

    Raises:
        RedisError: the ledger's Redis cannot be reached, or refuses.
    """
    keys = [redis_keys.PARKED, redis_keys.PARKED_PAYLOADS]
    script = lua_script(ledger, __package__, "unpark")
    return bool(script(keys=keys, args=[execution_id, repr(released_at)]))
