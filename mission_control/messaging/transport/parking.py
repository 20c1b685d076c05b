"""Messages that wait in Redis for their time, instead of in a worker's memory: which, and where."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kombu.utils.json import dumps

from mission_control.messaging.transport.task_headers import due_instant
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script

if TYPE_CHECKING:
    from datetime import datetime

    from redis import Redis


PARKED_HEADER: Final = "mission_control_parked"
"""A message that says so is parked however soon it is due: no worker is to hold it meanwhile."""


class ParkedMessage(NamedTuple):
    """A message for the park: beat releases `payload` to its queue at `release_at`."""

    execution_id: str
    release_at: datetime
    payload: str


def to_be_parked(message: dict[str, Any], *, now: datetime, after: timedelta) -> ParkedMessage | None:
    """Return how to park a message that is not to be run before `now + after`; None if it may travel on.

    The parked message has no `eta` any more: when it is released its time has come, by beat's clock, and
    a worker whose clock is behind must not think otherwise.
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
    """Park a message for the list `queue_key`; False if the run has one that is released no later.

    It waits in the ledger's Redis and not in the broker's, which may be another one: beat releases it from
    there, and whoever cancels the run or has it run now finds it there.

    Raises:
        RedisError: the ledger's Redis could not be told.
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
    """Take a run's message off the park; False if none is there, or one of another time by now.

    `released_at` is in Unix seconds.

    Raises:
        RedisError: the ledger's Redis could not be told.
    """
    keys = [redis_keys.PARKED, redis_keys.PARKED_PAYLOADS]
    script = lua_script(ledger, __package__, "unpark")
    return bool(script(keys=keys, args=[execution_id, repr(released_at)]))
