"""Keys of beat's that somebody has replaced by something of another type: set aside, never deleted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from beat.lua import script
from mission_control import events, redis_keys
from mission_control.definitions.instants import format_instant

if TYPE_CHECKING:
    from mission_control.installation import Installation

_TYPES: Final = {
    redis_keys.BEAT_JOURNAL: "stream",
    redis_keys.BEAT_QUARANTINE: "hash",
    redis_keys.TASKS: "set",
    redis_keys.ACTIVE_RUNS: "zset",
    redis_keys.FINISHED_RUNS: "zset",
    redis_keys.PARKED: "zset",
    redis_keys.PARKED_PAYLOADS: "hash",
    redis_keys.OWED_AUDIT: "list",
    redis_keys.OUTBOX: "list",
}


def set_wrong_types_aside(installation: Installation) -> list[str]:
    """Rename each key that beat cannot go on without and that has the wrong type; return those keys.

    They are noted in the journal and the quarantine, with the name under which each is kept.
    """
    client, now, types = installation.client, installation.clock(), _types(installation)
    at = format_instant(now)
    rename = script(client, "set_wrong_types_aside")
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
    """Take keys out of the quarantine whose set-aside value has been deleted."""
    client, types = installation.client, _types(installation)
    for key, note in client.hgetall(redis_keys.BEAT_QUARANTINE).items():
        if key in types and not client.exists(f"{key}:set-aside:{json.loads(note)['since']}"):
            client.hdel(redis_keys.BEAT_QUARANTINE, key)


def _types(installation: Installation) -> dict[str, str]:
    return {**_TYPES, installation.redbeat_keys.schedule: "zset"}
