"""Reading what is due: two round trips for any number of entries, poison told apart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from redbeat.schedulers import RedBeatSchedulerEntry

from mission_control import redis_keys
from mission_control.calendars import read_calendar
from mission_control.definitions.task import TaskDefinition, parse_task

if TYPE_CHECKING:
    from datetime import datetime

    from celery import Celery
    from redis import Redis


@dataclass(frozen=True)
class DueTask:
    """A due entry of ours."""

    key: str
    due: float
    task: TaskDefinition


@dataclass(frozen=True)
class DuePlainEntry:
    """A due entry that RedBeat, or a tool that writes RedBeat's layout, has made."""

    key: str
    due: float
    entry: RedBeatSchedulerEntry


@dataclass(frozen=True)
class PoisonEntry:
    """A due entry that cannot be read, and why."""

    key: str
    due: float
    problem: str


DueEntry = DueTask | DuePlainEntry | PoisonEntry


def due_entries(client: Redis, app: Celery, now: datetime, *, limit: int) -> list[DueEntry]:
    """Return the entries whose due instant is not after `now`, the longest due first."""
    found = client.zrange(
        redis_keys.REDBEAT_SCHEDULE,
        "-inf",
        now.timestamp(),
        byscore=True,
        offset=0,
        num=limit,
        withscores=True,
    )
    due = cast("list[tuple[str, float]]", found)
    with client.pipeline(transaction=False) as pipe:
        for key, _ in due:
            pipe.hmget(key, "task", "definition", "meta")
        answers = pipe.execute(raise_on_error=False)
    return [_read(app, key, score, answer) for (key, score), answer in zip(due, answers, strict=True)]


def next_due_instant(client: Redis) -> float | None:
    """Return when the next entry is due, in Unix seconds; None if none ever is."""
    found = cast("list[tuple[str, float]]", client.zrange(redis_keys.REDBEAT_SCHEDULE, 0, 0, withscores=True))
    return found[0][1] if found else None


def _read(app: Celery, key: str, due: float, answer: Any) -> DueEntry:  # noqa: ANN401  # Redis's reply
    try:
        if isinstance(answer, Exception):
            return PoisonEntry(key, due, f"{type(answer).__name__}: {answer}")
        task, definition, meta = answer
        if task is not None:
            return DueTask(key, due, _task(task, enabled=_is_enabled(definition)))
        if definition is None:
            return PoisonEntry(key, due, "the entry's hash is missing or has no definition")
        return DuePlainEntry(key, due, _plain_entry(app, definition, meta))
    except Exception as error:  # noqa: BLE001  # whatever an entry holds, the others must not wait for it
        return PoisonEntry(key, due, f"{type(error).__name__}: {error}")


def _is_enabled(definition: str | None) -> bool:
    """Whether RedBeat's own field lets the entry fire; a RedBeat tool pauses entries there."""
    return definition is None or json.loads(definition).get("enabled") is not False


def _task(text: str, *, enabled: bool) -> TaskDefinition:
    # A calendar file may change under a task; every other definition is parsed once a revision.
    parse = _parse_task.__wrapped__ if '"ics"' in text else _parse_task
    return parse(text, enabled)


@lru_cache(maxsize=4_096)
def _parse_task(text: str, enabled: bool) -> TaskDefinition:
    stored = json.loads(text)
    return parse_task({**stored, "enabled": stored["enabled"] and enabled}, read_text=read_calendar)


def _plain_entry(app: Celery, definition: str, meta: str | None) -> RedBeatSchedulerEntry:
    fields = RedBeatSchedulerEntry.decode_definition(definition)
    fields.update(RedBeatSchedulerEntry.decode_meta(meta))
    last_run_at = fields["last_run_at"]
    entry = RedBeatSchedulerEntry(app=app, **fields)
    entry.last_run_at = last_run_at  # Celery's entry replaces None by now
    return entry
