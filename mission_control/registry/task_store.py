"""Reading and writing tasks in Redis, in one round trip each; writes are compare-and-set.

This file has more than 250 lines because a task and its entry are read and written nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Any, Final, NamedTuple, cast

import msgspec
import orjson
from redis import Redis
from redis.exceptions import ResponseError

from mission_control.model.definitions.schedules import ScheduleBase
from mission_control.model.policies.due_decision import written_back
from mission_control.model.policies.pause import breaker_name
from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.model.values.identifiers import known_form
from mission_control.registry.pauses import NO_PAUSES, PAUSE_KEYS, PausesSeen, read_pauses
from mission_control.registry.redbeat_layout import redbeat_definition, redbeat_meta
from mission_control.registry.stored_task import StoredTask, problem_in, task_in
from mission_control.signing.keyring import NO_KEYS, Keyring
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script
from mission_control.store.prefix_in_use import check_prefix
from mission_control.store.redis_keys import RedBeatKeys
from mission_control.store.sent_script import send_script

AT_ONCE: Final = 500
"""How many tasks are read in one round trip."""

WRITTEN_AT_ONCE: Final = 100
"""How many are written in one step; Redis answers others after it, in hundredths of a second."""

_OTHER_PREFIX: Final = -1
_KEYS: Final = (
    *(redis_keys.TASKS, redis_keys.BEAT_QUARANTINE, redis_keys.PREFIX_IN_USE),
    *(*PAUSE_KEYS, redis_keys.PENDING_RECORDS, redis_keys.OVERTAKEN, redis_keys.EDITS),
)
_KEYS_OF_TASK: Final = tuple(
    part
    for key in (redis_keys.revisions, redis_keys.history, redis_keys.downstream)
    for part in key("\n").split("\n")
)
_AFTER_TASK: Final = redis_keys.downstream("\n").split("\n")
_DAMAGED: Final = "its entry in Redis is damaged"


class TaskWrite(NamedTuple):
    """A task to be written, if its id is free (`seen` is None), or if it is still the one that was seen.

    `form` is its stored form. `due` is the next due instant in Unix seconds, or None for never; with
    `is_due_kept` it counts only if beat has quarantined the task. `forget` are changed occurrences to be
    forgotten, among the pauses that were seen; the others must be counted in `due`. `record` is that of the
    change, as it is pending from this step on: its identity, its JSON, and the edit. What was due by
    `overtaken_until` (Unix seconds) and was not fired is missed because of this write, also at the time that
    it was moved to.
    """

    form: Mapping[str, Any]
    schedule: ScheduleBase
    seen: StoredTask | None
    due: float | None
    is_due_kept: bool = False
    pauses: PausesSeen = NO_PAUSES
    forget: Sequence[ChangedOccurrence] = ()
    record: tuple[str, str, str] = "", "", ""
    overtaken_until: float | None = None

    @property
    def task_id(self) -> str:
        """The id of the task."""
        return str(self.form["id"])


class TaskStore:
    """The task entries in Redis.

    With keys, tasks are signed as they are written.

    Its first use raises `SettingsError` if other processes use another RedBeat prefix in this database.
    """

    def __init__(
        self,
        client: Redis,
        redbeat_keys: RedBeatKeys = redis_keys.DEFAULT_REDBEAT_KEYS,
        keyring: Keyring = NO_KEYS,
    ) -> None:
        self._client = client
        self.keyring = keyring
        self._given_keys = redbeat_keys
        self._put = lua_script(client, __package__, "put_tasks")
        self._more_keys: Sequence[str] = ()
        self._more_args: Sequence[str] = ()
        self._remove = lua_script(client, __package__, "remove_task")

    def ids(self) -> list[str]:
        """Return the ids of all tasks, sorted."""
        return sorted(cast("set[str]", self._client.smembers(redis_keys.TASKS)))

    def entry_key(self, task_id: str) -> str:
        """Return the key of the entry of a task."""
        return self._redbeat_keys.entry(task_id)

    def load(self, task_ids: Iterable[str]) -> list[StoredTask | None]:
        """Return the tasks in the order of their ids; None for an id that is unknown."""
        return list(self.each(task_ids))

    def each(self, task_ids: Iterable[str]) -> Iterator[StoredTask | None]:
        """Yield the same as they are read, many at a time."""
        return (one for some in _portions(map(known_form, task_ids)) for one in self._load(some))

    def _load(self, task_ids: Sequence[str]) -> Iterator[StoredTask | None]:
        entries = [self._redbeat_keys.entry(task_id) for task_id in task_ids]
        with self._client.pipeline(transaction=False) as pipe:
            for entry in entries:
                pipe.hmget(entry, "task", "signature")
            pipe.zmscore(self._redbeat_keys.schedule, entries)
            pipe.hmget(redis_keys.BEAT_QUARANTINE, entries)
            *fields, due, notes = pipe.execute(raise_on_error=False)
        # Of a key that has another type each task has the error.
        both = (one if isinstance(one, list) else [one] * len(entries) for one in (due, notes))
        for task_id, *one in zip(task_ids, fields, *both, strict=True):
            yield task_in(task_id, *one, keyring=self.keyring)

    def begin_to_put(
        self, writes: Sequence[TaskWrite], *, now: datetime
    ) -> Callable[[], list[bool | ResponseError]]:
        """Send tasks to be written in one step, each if its id is free, or if it is still what was seen.

        Return what waits for the answer, and must be called: which were written, and of each that Redis
        refused the error. Writing a task ends its quarantine, and the id of a quarantined entry is free.
        """
        given = self._given_keys
        common = [given.prefix, redbeat_meta(now), redis_keys.MAX_REVISIONS, redis_keys.WAKE_CHANNEL]
        packed = [msgspec.msgpack.encode([*common, *_KEYS_OF_TASK])]
        packed += [msgspec.msgpack.encode(self._written(write, now)) for write in writes]
        answer = send_script(
            self._put, (given.schedule, *_KEYS, *self._more_keys), [*packed, *self._more_args]
        )

        def answers() -> list[bool | ResponseError]:
            if (found := answer()) == [_OTHER_PREFIX]:
                check_prefix(self._client, given.prefix)
                return [False] * len(writes)  # it is ours again
            return [one if isinstance(one, ResponseError) else one == 1 for one in found]

        return answers

    def _written(self, write: TaskWrite, now: datetime) -> tuple[Any, ...]:
        seen, form = write.seen, write.form
        text = orjson.dumps(form).decode()
        upstream = [one["task"] for one in form.get("after", ())]
        changed = write.pauses.changed_of(write.task_id) if write.forget or write.overtaken_until else []
        return (
            write.task_id,
            "" if seen is None else seen.text,
            text,
            self.keyring.sign("task", text) if self.keyring else "",
            form["metadata"]["revision"],
            redbeat_definition(form, write.schedule, now),
            "" if write.due is None else repr(write.due),
            write.is_due_kept,
            "" if seen is None else write.pauses.version,
            *write.record,
            upstream,
            [one for one in (seen.upstream if seen is not None else ()) if one not in upstream],
            _forgotten(write, now),
            "" if write.overtaken_until is None else repr(write.overtaken_until),
            [one.to_json() for one in changed],
        )

    def damaged(self, task_ids: list[str]) -> dict[str, str]:
        """Return the problem of each of the tasks that cannot be read, in beat's words if it has noticed."""
        known = self._client.smismember(redis_keys.TASKS, task_ids) if task_ids else []
        registered = [one for one, is_known in zip(task_ids, known, strict=True) if is_known]
        found = [one for one, stored in zip(registered, self.load(registered), strict=True) if stored is None]
        notes: Any = self._client.hgetall(redis_keys.BEAT_QUARANTINE) if found else {}
        return {one: problem_in(notes.get(self._redbeat_keys.entry(one), _DAMAGED)) for one in found}

    def last_known(self, task_id: str) -> dict[str, Any]:
        """Return the definition that a damaged task had last; its id alone if that is damaged, too."""
        with self._client.pipeline(transaction=False) as pipe:
            pipe.lindex(redis_keys.revisions(task_id), 0)
            (text,) = pipe.execute(raise_on_error=False)
        found = task_in(task_id, text if isinstance(text, Exception) else [text, None], None)
        return {"id": task_id} if found is None else found.definition

    def remove(
        self,
        task_id: str,
        now: datetime,
        *,
        reason: str,
        lasts: int,
        edit: Mapping[str, str],
        if_deleted: bool = False,
    ) -> tuple[dict[str, Any], list[str]] | None:
        """Remove a task; return its definition ({} if unreadable) and its active runs; None if there is none.

        Those begin no further attempt, for a `reason` that `lasts` so many seconds; their state is unchanged.
        What was due by `now` and was not fired, or was moved to a later time, is missed because of it.
        A task whose entry another program has deleted is one still; with `if_deleted` no other is removed.
        `edit` is what listeners to events get.
        """
        entry = self._redbeat_keys.entry(task_id)
        of_task = redis_keys.revisions(task_id), redis_keys.history(task_id)
        shared = redis_keys.BEAT_QUARANTINE, *PAUSE_KEYS, redis_keys.TASK_FILES, redis_keys.OVERTAKEN
        names = breaker_name(task_id), *self._changed_names(task_id)
        of_runs = redis_keys.task_runs(task_id), redis_keys.ACTIVE_RUNS
        removed = self._remove(
            keys=[
                entry,
                self._redbeat_keys.schedule,
                redis_keys.TASKS,
                *of_task,
                *shared,
                *of_runs,
                redis_keys.EDITS,
            ],
            args=[
                *(task_id, int(if_deleted), repr(now.timestamp()), self._redbeat_keys.prefix),
                *_AFTER_TASK,
                *(redis_keys.revoked(""), reason, lasts, json.dumps([edit])),
                *names,
            ],
        )
        if removed is None:
            return None
        text, *active = removed
        was = task_in(task_id, text, None)
        return {} if was is None else was.definition, active

    def pauses(self) -> PausesSeen:
        """Return the pauses, with the occurrences that were changed by hand."""
        return read_pauses(self._client)

    def _changed_names(self, task_id: str) -> list[str]:
        return [one.name for one in self.pauses().changed if one.task_id == task_id]

    def downstream(self, task_id: str) -> list[str]:
        """Return the registered tasks that come right after a task, sorted."""
        return self.downstream_of_each([task_id])[0]

    def downstream_of_each(self, task_ids: Iterable[str]) -> list[list[str]]:
        """Return the same for several tasks, in one round trip."""
        with self._client.pipeline(transaction=False) as pipe:
            for task_id in task_ids:
                pipe.sinter([redis_keys.downstream(task_id), redis_keys.TASKS])
            return [sorted(one) for one in pipe.execute()]

    def upstream_among(self, task_ids: Iterable[str]) -> Iterator[str]:
        """Yield those of some tasks that registered ones come right after."""
        for some in _portions(task_ids):
            if self._client.exists(*map(redis_keys.downstream, some)):
                both = zip(some, self.downstream_of_each(some), strict=True)
                yield from (task_id for task_id, others in both if others)

    def revisions(self, task_id: str) -> list[dict[str, Any]]:
        """Return the definitions a task has had, the newest first."""
        return [json.loads(text) for text in self._client.lrange(redis_keys.revisions(task_id), 0, -1)]

    @cached_property
    def _redbeat_keys(self) -> RedBeatKeys:
        check_prefix(self._client, self._given_keys.prefix)
        return self._given_keys


def _forgotten(write: TaskWrite, now: datetime) -> list[str]:
    """Return the names of changes that are over, each with what stays of it; a disabled task may run yet."""
    was_enabled = write.seen is not None and write.seen.definition["enabled"]
    return [
        text for one in write.forget for text in (written_back(one, now) if was_enabled else (one.name, ""))
    ]


def _portions(task_ids: Iterable[str]) -> Iterator[Sequence[str]]:
    left = iter(task_ids)
    while some := list(islice(left, AT_ONCE)):
        yield some
