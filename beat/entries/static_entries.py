"""The entries that `beat_schedule` in the Celery configuration defines: installed, changed and removed."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, cast

from celery import Celery
from celery.schedules import crontab
from redbeat.decoder import RedBeatJSONEncoder
from redbeat.schedulers import RedBeatSchedulerEntry
from redis import Redis

from beat.entries.redbeat_times import next_after
from mission_control.events import events
from mission_control.messaging.redis_failures import is_redis_failure
from mission_control.store.redis_keys import RedBeatKeys

# As Celery's beat installs it.
_CLEANUP: Final = "celery.backend_cleanup"
_CLEANUP_EXPIRES_SECONDS: Final = 12 * 3600


def install_static_entries(
    app: Celery, client: Redis, keys: RedBeatKeys, clock: Callable[[], datetime]
) -> bool:
    """Make the stored static entries those of the configuration; say whether there are any.

    An entry that is stored as configured keeps its due time: RedBeat would save it again, and move it by up
    to a second at each start of beat. One that has changed keeps its last run; a corrupt one is replaced. One
    that cannot be used, or has the name of a task, is logged and left out. As with RedBeat, a result backend
    that does not expire keys itself gets `celery.backend_cleanup` at 4 o'clock.
    """
    wanted: Mapping[str, Any] = {**_default_entries(app), **app.conf.beat_schedule}
    for name in cast("set[str]", client.smembers(keys.statics)) - wanted.keys():
        with client.pipeline() as pipe:
            if not _is_task(client, keys.entry(name)):
                pipe.delete(keys.entry(name))
                pipe.zrem(keys.schedule, keys.entry(name))
            pipe.srem(keys.statics, name)
            pipe.execute()
    for name, definition in wanted.items():
        try:
            entry = RedBeatSchedulerEntry(**{**definition, "name": name, "app": app})
            _install(app, client, keys, entry, clock())
        except Exception as error:
            if is_redis_failure(error):
                raise
            events.static_entry_refused(name, error)
    return client.exists(keys.statics) == 1


def _default_entries(app: Celery) -> dict[str, Any]:
    if not (app.conf.result_backend and app.conf.result_expires) or app.backend.supports_autoexpire:
        return {}
    options = {"expires": _CLEANUP_EXPIRES_SECONDS}
    return {_CLEANUP: {"task": _CLEANUP, "schedule": crontab("0", "4"), "options": options}}


def _is_task(client: Any, key: str) -> bool:  # noqa: ANN401  # either Redis
    return bool(client.type(key) == "hash" and client.hexists(key, "task"))


def _install(
    app: Celery, client: Redis, keys: RedBeatKeys, entry: RedBeatSchedulerEntry, now: datetime
) -> None:
    key = keys.entry(entry.name)
    if _is_task(client, key):
        raise ValueError("a task has this id; give the entry another name")
    client.sadd(keys.statics, entry.name)
    stored = _stored(app, client, key)
    if stored is not None:
        is_as_configured = _definition(stored) == _definition(entry)
        if is_as_configured and client.zscore(keys.schedule, key) is not None:
            return
        entry.last_run_at = stored.last_run_at
    else:
        client.delete(key)
    entry.save()
    due = next_after(entry.schedule, now if entry.last_run_at is None else entry.last_run_at, now)
    if due is not None:
        # RedBeat's answer is off by the time since the last run.
        client.zadd(keys.schedule, {key: due.timestamp()})


def _stored(app: Celery, client: Any, key: str) -> RedBeatSchedulerEntry | None:  # noqa: ANN401  # either Redis
    if client.type(key) != "hash":
        return None
    try:
        return RedBeatSchedulerEntry.from_key(key, app=app)
    except Exception as error:
        if is_redis_failure(error):
            raise
        return None


def _definition(entry: RedBeatSchedulerEntry) -> str:
    fields = ("task", "args", "kwargs", "options", "schedule", "enabled")
    return json.dumps({name: getattr(entry, name) for name in fields}, cls=RedBeatJSONEncoder, sort_keys=True)
