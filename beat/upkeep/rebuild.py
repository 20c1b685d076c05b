"""Rebuilding the schedule from the entries' hashes, after its sorted set was lost."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from celery import Celery
from redbeat.schedulers import RedBeatSchedulerEntry
from redis import Redis

from beat.entries.due_entries import DueEntries, DueEntry, DuePlainEntry, DueTask
from beat.entries.entry_keys import entry_keys
from mission_control.events import events
from mission_control.messaging.redis_failures import is_redis_failure
from mission_control.model.definitions.schedules import spread_offset
from mission_control.model.values.instants import from_unix, parse_instant
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script
from mission_control.store.redis_keys import RedBeatKeys

_RUNS_LOOKED_AT: Final = 20


def rebuild_schedule(app: Celery, client: Redis, redbeat_keys: RedBeatKeys, now: datetime) -> int:
    """Put every enabled entry that is not on the schedule back on it, and return how many there were.

    A task is due at its first occurrence after the last one that the ledger knows, or after its last
    change, whichever is later: what fell due meanwhile is a misfire like any other; finished occurrences do
    not run again. A task with a fixed delay whose run is not over stays off: the end of the run puts it
    back. A RedBeat entry is looked at now, and so is a corrupt one, which is then quarantined. An entry that
    is removed or changed at the same time is left to that change.
    """
    entries = DueEntries(client, app, redbeat_keys)
    known = set(client.hkeys(redis_keys.BEAT_QUARANTINE))
    put_back = lua_script(client, __package__, "put_back")
    count = 0
    for keys in entry_keys(client, redbeat_keys):
        wanted = [key for key in keys if key.decode(errors="backslashreplace") not in known]
        found = entries.of_keys(wanted)
        if found:
            keys_of_all = [redbeat_keys.schedule, redis_keys.TASKS, *(entry.key for entry in found)]
            count += int(put_back(keys=keys_of_all, args=[*_args_of(client, found, now)]))
    if count:
        events.schedule_rebuilt(count)
    return count


def _args_of(client: Redis, entries: Sequence[DueEntry], now: datetime) -> Iterator[str | int]:
    for entry in entries:
        due = _due_of(client, entry, now)
        yield "" if due is None else repr(due)
        yield from (entry.revision, entry.task_id) if isinstance(entry, DueTask) else ("", "")


def _due_of(client: Redis, entry: DueEntry, now: datetime) -> float | None:
    try:
        match entry:
            case DuePlainEntry():
                return now.timestamp() if entry.entry.enabled else None
            case DueTask():
                return _due_of_task(client, entry)
    except Exception as error:
        if is_redis_failure(error):
            raise
    return now.timestamp()


def _due_of_task(client: Redis, entry: DueTask) -> float | None:
    schedule = entry.task.schedule
    last = _last_occurrence(client, entry.task_id)
    is_waiting_for_its_end = (
        schedule.is_fixed_delay
        and last is not None
        and client.zscore(redis_keys.ACTIVE_RUNS, last[0]) is not None
    )
    if not entry.task.enabled or is_waiting_for_its_end:
        return None
    spread = spread_offset(entry.task_id, schedule.spread_seconds)
    text, meta = client.hmget(entry.key, ["task", "meta"])
    changed = parse_instant(json.loads(str(text))["metadata"]["last_modified"])
    # What a task's last firing was is known from `meta` as well, when its runs have been dropped.
    fired = from_unix(last[1]) if last is not None else _last_firing(str(meta)) - spread
    following = schedule.next_after(max(changed - spread, fired))
    return None if following is None else (following + spread).timestamp()


def _last_occurrence(client: Redis, task_id: str) -> tuple[str, float] | None:
    """Return the run of a task's latest occurrence in the ledger, and its nominal time in Unix seconds."""
    found: Any = client.zrevrange(redis_keys.task_runs(task_id), 0, _RUNS_LOOKED_AT - 1, withscores=True)
    # The id of an occurrence's run has its time after the "@", that of any other run a word.
    return next((run for run in found if run[0].rpartition("@")[2][:1].isdigit()), None)


def _last_firing(meta: str) -> datetime:
    moment: datetime = RedBeatSchedulerEntry.decode_meta(meta)["last_run_at"]
    return moment
