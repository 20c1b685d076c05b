"""Reading what is due: one round trip for any number of entries, poison told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from redbeat.schedulers import RedBeatSchedulerEntry

from beat.lua import script
from mission_control import redis_keys
from mission_control.calendars import read_calendar
from mission_control.definitions.task import TaskDefinition, parse_task
from mission_control.errors import InvalidTaskError

if TYPE_CHECKING:
    from celery import Celery
    from redis import Redis

_VALUES_AN_ENTRY = 5


@dataclass(frozen=True, slots=True)
class DueTask:
    """A due entry of ours."""

    key: str
    due: float
    task: TaskDefinition


@dataclass(frozen=True, slots=True)
class DuePlainEntry:
    """A due entry that RedBeat, or a tool that writes RedBeat's layout, has made."""

    key: str
    due: float
    entry: RedBeatSchedulerEntry


@dataclass(frozen=True, slots=True)
class PoisonEntry:
    """A due entry that cannot be read, and why."""

    key: str
    due: float
    problem: str


DueEntry = DueTask | DuePlainEntry | PoisonEntry


class DueEntries:
    """Looks into the schedule."""

    def __init__(self, client: Redis, app: Celery) -> None:
        self._app = app
        self._load = script(client, "load_due")

    def until(self, moment: float, *, limit: int) -> list[DueEntry]:
        """Return what is due at `moment` (Unix seconds) or before, the longest due first."""
        return self._read("-inf", repr(moment), limit)

    def between(self, after: float, until: float, *, limit: int) -> list[DueEntry]:
        """Return what is due after `after` and not later than `until`, the soonest first."""
        return self._read(f"({after!r}", repr(until), limit)

    def _read(self, low: str, high: str, limit: int) -> list[DueEntry]:
        answer: Any = self._load(keys=[redis_keys.REDBEAT_SCHEDULE], args=[low, high, limit])
        found = zip(*[iter(answer)] * _VALUES_AN_ENTRY, strict=True)
        return [self._entry(key, float(due), *fields) for key, due, *fields in found]

    def _entry(self, key: str, due: float, task: str, definition: str, meta: str) -> DueEntry:
        try:
            if task:
                return DueTask(key, due, _task(key, task, is_disabled=definition == "disabled"))
            if not definition:
                return PoisonEntry(key, due, "the entry's hash is missing or has no definition")
            if definition.startswith("!"):
                return PoisonEntry(key, due, definition[1:])
            return DuePlainEntry(key, due, self._plain_entry(key, definition, meta))
        except InvalidTaskError as error:
            return PoisonEntry(key, due, str(error))
        except Exception as error:  # noqa: BLE001  # whatever an entry holds, the others must not wait for it
            return PoisonEntry(key, due, f"{type(error).__name__}: {error}")

    def _plain_entry(self, key: str, definition: str, meta: str) -> RedBeatSchedulerEntry:
        fields = RedBeatSchedulerEntry.decode_definition(definition)
        fields.update(RedBeatSchedulerEntry.decode_meta(meta))
        last_run_at = fields["last_run_at"]
        entry = RedBeatSchedulerEntry(app=self._app, **fields)
        entry.last_run_at = last_run_at  # Celery's entry replaces None by now
        _check_plain_entry(key, entry)
        return entry


def _task(key: str, text: str, *, is_disabled: bool) -> TaskDefinition:
    stored = orjson.loads(text)
    if not isinstance(stored, dict):
        raise TypeError(f"the task is {type(stored).__name__}, not an object")
    if is_disabled:
        stored["enabled"] = False
    task = parse_task(stored, read_text=read_calendar)
    if redis_keys.schedule_entry(task.id) != key:
        raise ValueError(f"the task's id is {task.id!r}, which is not its key's")
    return task


def _check_plain_entry(key: str, entry: RedBeatSchedulerEntry) -> None:
    if redis_keys.schedule_entry(entry.name) != key:
        raise ValueError(f"the entry's name is {entry.name!r}, which is not its key's")
    if not isinstance(entry.enabled, bool):
        raise TypeError(f"enabled is {entry.enabled!r}; it must be true or false")
    if not isinstance(entry.task, str) or not entry.task:
        raise TypeError(f"task is {entry.task!r}; it must be the name of a Celery task")
    if not isinstance(entry.kwargs, dict) or not isinstance(entry.options, dict):
        raise TypeError("kwargs and options must be objects")
    if not hasattr(entry.schedule, "is_due"):
        raise TypeError(f"schedule is {entry.schedule!r}, which is no schedule")
