"""Keys that another program has overwritten with another Redis type."""

from typing import Final

from redis import Redis

from mission_control.store import redis_keys
from mission_control.store.redis_keys import RedBeatKeys

_TYPES: Final = {
    redis_keys.BACKFILLS: "hash",
    redis_keys.BEAT_JOURNAL: "stream",
    redis_keys.BEAT_QUARANTINE: "hash",
    redis_keys.WEB_EVENTS: "stream",
    redis_keys.OUTAGES: "list",
    redis_keys.PREFIX_IN_USE: "string",
    redis_keys.TASKS: "set",
    redis_keys.ACTIVE_RUNS: "zset",
    redis_keys.FINISHED_RUNS: "zset",
    redis_keys.PARKED: "zset",
    redis_keys.PARKED_PAYLOADS: "hash",
    redis_keys.PENDING_RECORDS: "hash",
    redis_keys.LEASES: "zset",
    redis_keys.DEADLINES: "zset",
    redis_keys.OUTBOX: "list",
    redis_keys.CATCH_UP_PACE: "hash",
    redis_keys.AUDIT_QUARANTINE: "list",
    redis_keys.DEAD_LETTERS: "list",
    redis_keys.NOTICES: "list",
    redis_keys.INCIDENTS: "hash",
    redis_keys.NOTIFICATIONS: "list",
    redis_keys.ALARMS: "hash",
    redis_keys.PAUSES: "hash",
    redis_keys.LIMITS: "hash",
    redis_keys.BUDGETS: "hash",
    redis_keys.TASK_FILES: "hash",
    redis_keys.OVERTAKEN: "list",
    redis_keys.EDITS: "stream",
    redis_keys.INSTALLATION_ID: "string",
    redis_keys.GRANTS: "hash",
    redis_keys.ROLLUP_TOTALS: "hash",
    redis_keys.ROLLUP_POSITIONS: "hash",
    redis_keys.GRANT_USES: "hash",
    redis_keys.PAUSES_VERSION: "string",
}


def keys_of_wrong_type(client: Redis, redbeat_keys: RedBeatKeys) -> dict[str, tuple[str, str]]:
    """Return the shared keys that have a wrong type, each with the type found and the type needed."""
    needed = {**_TYPES, redbeat_keys.schedule: "zset", redbeat_keys.statics: "set"}
    with client.pipeline(transaction=False) as pipe:
        for key in needed:
            pipe.type(key)
        found = dict(zip(needed, map(str, pipe.execute()), strict=True))
    return {key: (found[key], kind) for key, kind in needed.items() if found[key] not in {"none", kind}}
