"""Occurrences that should have been fired some time ago and have no run."""

import math
from datetime import datetime, timedelta
from typing import Any, Final

from redis import Redis
from redis.client import NEVER_DECODE

from mission_control.model.definitions.due_times import spread_of
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.values.identifiers import occurrence_execution_id
from mission_control.model.values.instants import from_unix
from mission_control.registry.registry import Registry
from mission_control.store import redis_keys
from mission_control.store.redis_keys import RedBeatKeys

OVERDUE_AFTER: Final = timedelta(minutes=1)
"""How long ago an occurrence fell due that must have a run by now; beats take over within less."""

_AT_ONCE: Final = 20
_TICK: Final = timedelta(microseconds=1)


def overdue(
    client: Redis, registry: Registry, keys: RedBeatKeys, now: datetime, *, after: timedelta = OVERDUE_AFTER
) -> list[str]:
    """Return some occurrences that fell due more than `after` ago and have no run, the oldest first.

    They are the ids of what the schedules expect; a RedBeat entry, and a task of which an occurrence was
    moved, are named as they are. A lost schedule hides nothing: tasks know when they are due.
    """
    latest = (now - after).timestamp()
    # As bytes: another program may have written keys that are not text.
    command = ("ZRANGE", keys.schedule, "-inf", latest, "BYSCORE", "LIMIT", 0, _AT_ONCE)
    raw: Any = client.execute_command(*command, **{NEVER_DECODE: True})  # type: ignore[no-untyped-call]
    found = [key.decode(errors="backslashreplace") for key in raw]
    if not found and not client.exists(keys.schedule):
        found = [keys.entry(one) for one in registry.ids()[:_AT_ONCE]]
    with client.pipeline(transaction=False) as pipe:
        for key in found:
            pipe.hget(key, "due")
        stored = dict(zip(found, pipe.execute(raise_on_error=False), strict=True))
        due = {key.removeprefix(keys.prefix): _number(one) for key, one in stored.items()}
        tasks = {task.id: task for task in registry.some(due)}
        names = [
            _occurrence(tasks.get(name), name, one)
            for name, one in due.items()
            if one is None or one <= latest
        ]
        for name in names:
            pipe.exists(redis_keys.run(name))
        exists = pipe.execute()
    return [name for name, has_run in zip(names, exists, strict=True) if not has_run]


def _number(stored: object) -> float | None:
    """Return when a task says that it is due; None for what is none, of which its place says it."""
    if not isinstance(stored, str):
        return None
    try:
        return float(stored) if stored else math.inf  # it is never due
    except ValueError:  # another program wrote it
        return None


def _occurrence(task: TaskDefinition | None, name: str, due: float | None) -> str:
    """Return the id of the occurrence that is due; the name itself if its schedule has none then."""
    if task is None or due is None:
        return name
    try:
        nominal = from_unix(due) - spread_of(task)
    except (ValueError, OverflowError, OSError):  # a time that no clock shows
        return name
    is_expected = task.schedule.is_fixed_delay or task.schedule.next_after(nominal - _TICK) == nominal
    return occurrence_execution_id(task.id, nominal) if is_expected else name
