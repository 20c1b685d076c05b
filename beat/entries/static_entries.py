"""The entries that `beat_schedule` in the Celery configuration defines: installed, changed and removed."""

from collections.abc import Mapping
from typing import Any, Final, cast

from celery import Celery
from celery.schedules import crontab
from redbeat.schedulers import RedBeatSchedulerEntry
from redis import Redis

from mission_control.events import events
from mission_control.messaging.redis_failures import is_redis_failure
from mission_control.model.values.identifiers import LONGEST_ENTRY_NAME, name_problem
from mission_control.store.redis_keys import RedBeatKeys

# As Celery's beat installs it.
_CLEANUP: Final = "celery.backend_cleanup"
_CLEANUP_EXPIRES_SECONDS: Final = 12 * 3600


def install_static_entries(app: Celery, client: Redis, keys: RedBeatKeys) -> bool:
    """Make the stored static entries those of the configuration; say whether there are any.

    A stored entry keeps its last run; a corrupt one is replaced. One that cannot be used, or has the name of
    a task, is logged and left out. As with RedBeat, a result backend that does not expire keys itself gets
    `celery.backend_cleanup` at 4 o'clock.
    """
    wanted: Mapping[str, Any] = {**_default_entries(app), **app.conf.beat_schedule}
    for name in cast("set[str]", client.smembers(keys.statics)) - wanted.keys():
        if not _is_task(client, keys.entry(name)):
            RedBeatSchedulerEntry(name, app=app).delete()
        client.srem(keys.statics, name)
    for name, definition in wanted.items():
        try:
            entry = RedBeatSchedulerEntry(**{**definition, "name": name, "app": app})
            _install(app, client, keys, entry)
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


def _install(app: Celery, client: Redis, keys: RedBeatKeys, entry: RedBeatSchedulerEntry) -> None:
    if (problem := name_problem(entry.name, LONGEST_ENTRY_NAME)) is not None:
        raise ValueError(f"its name {problem}")
    key = keys.entry(entry.name)
    if _is_task(client, key):
        raise ValueError("a task has this id; give the entry another name")
    client.sadd(keys.statics, entry.name)
    try:
        # It is looked at by then; without it, it would wait for its whole interval at each start of beat.
        entry.last_run_at = RedBeatSchedulerEntry.from_key(key, app=app).last_run_at
    except Exception as error:
        if is_redis_failure(error):
            raise
        client.delete(key)
    entry.save()
