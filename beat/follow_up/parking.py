"""Parked messages: runs that are entered, and whose message waits in Redis for its time."""

from datetime import datetime
from typing import Final

from redis import Redis

from beat.entries.entry_keys import as_bytes
from mission_control.events import events
from mission_control.messaging.transport.dead_letters import dead_letter
from mission_control.messaging.transport.unacked import MOST_DEAD_LETTERS
from mission_control.model.values.instants import format_instant
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script

_AT_ONCE: Final = 500


def release_parked(client: Redis, now: datetime, *, uses_outbox: bool = False) -> int:
    """Put the parked messages whose time has come on their queues; return how many, at most `_AT_ONCE`.

    Where the broker is another server or database they go through the outbox. A malformed one goes to the
    dead letters, and the sweep sends its run again. None waits for another that cannot be released.
    """
    keys = [redis_keys.PARKED, redis_keys.PARKED_PAYLOADS, redis_keys.OUTBOX]
    args = [now.timestamp(), _AT_ONCE, int(uses_outbox), format_instant(now), redis_keys.run("")]
    # As bytes: an id that is not text must not delay the others.
    source = lua_script(client, __package__, "release").script
    count, *kept = as_bytes(client, "EVAL", source, len(keys), *keys, *args)
    for execution_id, why in zip(kept[::2], kept[1::2], strict=True):
        if why == b"no message":
            _move_to_dead_letters(client, execution_id, now)
        else:
            events.release_postponed(_text(execution_id), "its queue has the wrong type, or is denied")
    return int(count)


def _move_to_dead_letters(client: Redis, execution_id: bytes, now: datetime) -> None:
    payload = as_bytes(client, "HGET", redis_keys.PARKED_PAYLOADS, execution_id)
    reason = f"what was parked for {_text(execution_id)} is not a message"
    letter = dead_letter(payload if payload is not None else b"", queue="", reason=reason, at=now)
    with client.pipeline() as pipe:
        pipe.lpush(redis_keys.DEAD_LETTERS, letter)
        pipe.ltrim(redis_keys.DEAD_LETTERS, 0, MOST_DEAD_LETTERS - 1)
        pipe.zrem(redis_keys.PARKED, execution_id)
        pipe.hdel(redis_keys.PARKED_PAYLOADS, execution_id)
        pipe.execute()
    events.message_dead_lettered("", reason, _text(execution_id))


def _text(name: bytes) -> str:
    return name.decode(errors="backslashreplace")
