"""Keys of beat's that somebody has replaced by something of another type: set aside, never deleted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from beat.entries.entry_keys import as_bytes
from mission_control.events import events
from mission_control.model.values.instants import format_instant
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.store.redis_keys import RedBeatKeys

_AT_ONCE: Final = 500

_TYPES: Final = {
    redis_keys.BEAT_JOURNAL: "stream",
    redis_keys.BEAT_QUARANTINE: "hash",
    redis_keys.PREFIX_IN_USE: "string",
    redis_keys.TASKS: "set",
    redis_keys.ACTIVE_RUNS: "zset",
    redis_keys.FINISHED_RUNS: "zset",
    redis_keys.PARKED: "zset",
    redis_keys.PARKED_PAYLOADS: "hash",
    redis_keys.OWED_AUDIT: "list",
    redis_keys.OUTBOX: "list",
    redis_keys.CATCH_UP_PACE: "hash",
}


def set_wrong_types_aside(installation: Installation) -> list[str]:
    """Rename each key that beat cannot go on without and that has the wrong type; return those keys.

    They are noted in the journal and the quarantine, with the name under which each is kept.
    """
    client, now, types = installation.client, installation.clock(), key_types(installation.redbeat_keys)
    at = format_instant(now)
    rename = lua_script(client, __package__, "set_wrong_types_aside")
    found: Any = rename(keys=list(types), args=[f":set-aside:{at}", *types.values()])
    for key in found:
        kept = f"{key}:set-aside:{at}"
        problem = f"the key was no {types[key]}; it is kept as {kept}, look at it and delete it"
        client.hset(redis_keys.BEAT_QUARANTINE, key, json.dumps({"problem": problem, "since": at}))
        note = {"event": "set aside", "at": at, "key": key, "problem": problem}
        client.xadd(redis_keys.BEAT_JOURNAL, note)  # type: ignore[arg-type]  # redis-py's invariant dict
        events.quarantined(key, problem)
    return [str(key) for key in found]


def forget_deleted(installation: Installation) -> None:
    """Take out of the quarantine what has been deleted since: entries, and values that were set aside."""
    client, types = installation.client, key_types(installation.redbeat_keys)
    notes: dict[bytes, bytes] = as_bytes(client, "HGETALL", redis_keys.BEAT_QUARANTINE)
    all_notes = list(notes.items())
    for start in range(0, len(all_notes), _AT_ONCE):
        some = all_notes[start : start + _AT_ONCE]
        with client.pipeline(transaction=False) as pipe:
            for key, note in some:
                pipe.exists(_kept_as(key, note) if key.decode(errors="replace") in types else key)
            found = pipe.execute()
        gone = [key for (key, _), is_there in zip(some, found, strict=True) if not is_there]
        # The key of an entry that is no text is noted with escapes, under which nothing can be found.
        gone = [key for key in gone if b"\\x" not in key]
        if gone:
            client.hdel(redis_keys.BEAT_QUARANTINE, *gone)


def _kept_as(key: bytes, note: bytes) -> bytes:
    """Return where a value is kept that was set aside; the key itself if the note does not tell."""
    try:
        return key + f":set-aside:{json.loads(note)['since']}".encode()
    except (ValueError, KeyError, TypeError):
        return key


def key_types(keys: RedBeatKeys) -> dict[str, str]:
    """Return the keys that beat cannot go on without, each with the type that it is to have."""
    return {**_TYPES, keys.schedule: "zset", keys.statics: "set"}
