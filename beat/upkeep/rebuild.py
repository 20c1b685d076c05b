"""Rebuilding the schedule from the entries' hashes, after its sorted set was lost."""

from datetime import datetime

from redis import Redis

from beat.entries.entry_keys import entry_keys
from mission_control.events import events
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script
from mission_control.store.redis_keys import RedBeatKeys


def rebuild_schedule(client: Redis, redbeat_keys: RedBeatKeys, now: datetime) -> int:
    """Put every entry that is not on the schedule back on it, and return how many there were.

    A task is due when its hash says, so what fell due meanwhile is a misfire like any other. A task that is
    disabled, or waits for the end of its run, is not due. Beat looks at all other entries now: RedBeat's,
    which know when they are due, and corrupt ones, which are then quarantined.
    """
    put_back = lua_script(client, __package__, "put_back")
    fixed = (redbeat_keys.schedule, redis_keys.TASKS, redis_keys.BEAT_QUARANTINE)
    args = [repr(now.timestamp()), redbeat_keys.prefix]
    pages = entry_keys(client, redbeat_keys)
    count = sum(int(put_back(keys=[*fixed, *keys], args=args)) for keys in pages)
    if count:
        events.schedule_rebuilt(count)
    return count
