"""The entries that `beat_schedule` in the Celery configuration defines: installed, changed and removed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from redbeat.decoder import RedBeatJSONEncoder
from redbeat.schedulers import RedBeatSchedulerEntry

from beat.plain_entries import next_after
from beat.redis_trouble import is_trouble_of_redis
from mission_control import events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from celery import Celery

    from mission_control.installation import Installation


def install_static_entries(app: Celery, installation: Installation) -> bool:
    """Make the stored static entries those of the configuration; say whether there are any.

    An entry that is stored as it is configured stays as it is, due when it was due: RedBeat would save it
    anew, and move it by up to a second at each start of beat. One that has changed keeps its last run.
    What is stored under its name and cannot be read is replaced. An entry of the configuration that
    cannot be used is logged and left out.
    """
    client, keys = installation.client, installation.redbeat_keys
    wanted: Mapping[str, Any] = app.conf.beat_schedule
    for name in cast("set[str]", client.smembers(keys.statics)) - wanted.keys():
        with client.pipeline() as pipe:
            pipe.delete(keys.entry(name))
            pipe.zrem(keys.schedule, keys.entry(name))
            pipe.srem(keys.statics, name)
            pipe.execute()
    for name, definition in wanted.items():
        try:
            _install(app, installation, RedBeatSchedulerEntry(**{**definition, "name": name, "app": app}))
        except Exception as error:
            if is_trouble_of_redis(error):
                raise
            events.static_entry_refused(name, error)
    return client.exists(keys.statics) == 1


def _install(app: Celery, installation: Installation, entry: RedBeatSchedulerEntry) -> None:
    client, keys = installation.client, installation.redbeat_keys
    key = keys.entry(entry.name)
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
    now = installation.clock()
    due = next_after(entry.schedule, now if entry.last_run_at is None else entry.last_run_at, now)
    if due is not None:
        # RedBeat's own answer is off by the time since the last run.
        client.zadd(keys.schedule, {key: due.timestamp()})


def _stored(app: Celery, client: Any, key: str) -> RedBeatSchedulerEntry | None:  # noqa: ANN401  # either Redis
    if client.type(key) != "hash":
        return None
    try:
        return RedBeatSchedulerEntry.from_key(key, app=app)
    except Exception as error:
        if is_trouble_of_redis(error):
            raise
        return None


def _definition(entry: RedBeatSchedulerEntry) -> str:
    fields = ("task", "args", "kwargs", "options", "schedule", "enabled")
    return json.dumps({name: getattr(entry, name) for name in fields}, cls=RedBeatJSONEncoder, sort_keys=True)
