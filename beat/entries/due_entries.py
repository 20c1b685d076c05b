"""Reading what is due: one round trip for any number of entries, corrupt ones kept apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from celery import Celery
from redbeat.schedulers import RedBeatSchedulerEntry
from redis import Redis
from redis.exceptions import NoScriptError

from beat.entries.entry_keys import as_bytes
from beat.entries.shared_definition import shared_definition
from mission_control.errors import InvalidTaskError
from mission_control.model.composition.joining import Join
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.identifiers import LONGEST_ENTRY_NAME, name_problem
from mission_control.registry.stored_task import SIGN_IT
from mission_control.signing.keyring import NO_KEYS, Keyring
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script
from mission_control.store.redis_keys import DEFAULT_REDBEAT_KEYS, RedBeatKeys

_VALUES_AN_ENTRY = 7
_OWN_FIELDS = ("id", "name", "description", "params", "metadata", "tags", "after", "join")


@dataclass(frozen=True, slots=True)
class DueTask:
    """A due entry of ours.

    `task` is what it shares with every task that is defined alike, under an id that means nothing; what
    is its own stands next to it. `size` is the length of its definition in bytes. `decided` is the due
    instant that was decided, infinite for none: another program may have stored another one. `trouble` says
    what of its definition or calendars cannot be read, "" for nothing; then `task` has what can be.
    `is_full`: as many of its runs as may be are unfinished.
    `after` has its dependencies as they are stored.
    """

    key: str
    due: float
    task_id: str
    params: dict[str, Any]
    revision: int
    size: int
    decided: float
    task: TaskDefinition
    trouble: str = ""
    is_full: bool = False
    tags: tuple[str, ...] = ()
    after: Sequence[Mapping[str, Any]] = ()
    join: Join = "all"


@dataclass(frozen=True, slots=True)
class DuePlainEntry:
    """A due entry that RedBeat, or a tool that writes RedBeat's layout, has made.

    RedBeat keeps one that has no further occurrence with a negative score.
    """

    key: str
    due: float
    entry: RedBeatSchedulerEntry


@dataclass(frozen=True, slots=True)
class CorruptEntry:
    """A due entry that cannot be read, and why. Its key need not be text."""

    key: str | bytes
    due: float
    problem: str


DueEntry = DueTask | DuePlainEntry | CorruptEntry


class DueEntries:
    """Looks into the schedule."""

    def __init__(
        self,
        client: Redis,
        app: Celery,
        redbeat_keys: RedBeatKeys = DEFAULT_REDBEAT_KEYS,
        keyring: Keyring = NO_KEYS,
        *,
        most_unfinished: int | None = None,
    ) -> None:
        self._client = client
        self._keyring = keyring
        self._bound = [] if most_unfinished is None else _bound(most_unfinished, redbeat_keys)
        self._keys = redbeat_keys
        self._app = app
        self._script = lua_script(client, __package__, "load_due")

    def until(self, moment: float, *, limit: int) -> list[DueEntry]:
        """Return what is due at `moment` (Unix seconds) or before, the longest due first."""
        return self._read("-inf", repr(moment), limit)

    def between(self, since: float, until: float, *, skip: int, limit: int) -> list[DueEntry]:
        """Return what is due from `since` to `until` but for the first `skip`, the soonest first."""
        return self._read(repr(since), repr(until), limit, skip)

    def of_keys(self, keys: Sequence[bytes]) -> list[DueEntry]:
        """Return what the hashes of some keys hold, due or not; `due` is 0."""
        return self._entries([self._keys.schedule, *keys], []) if keys else []

    def _read(self, low: str, high: str, limit: int, skip: int = 0) -> list[DueEntry]:
        return self._entries([self._keys.schedule], [low, high, skip, limit, *self._bound])

    def _entries(self, keys: Sequence[str | bytes], args: Sequence[str | int]) -> list[DueEntry]:
        answer = self._load(len(keys), *keys, *args)
        found = zip(*[iter(answer)] * _VALUES_AN_ENTRY, strict=True)
        return [self._any_entry(key, float(due), *fields) for key, due, *fields in found]

    def _load(self, *args: str | bytes | int) -> list[bytes]:
        # As bytes: what is not UTF-8 is one entry's fault, and must not keep the others from being read.
        load = self._script
        try:
            answer = as_bytes(self._client, "EVALSHA", load.sha, *args)
        except NoScriptError:
            answer = as_bytes(self._client, "EVAL", load.script, *args)
        return list(answer)

    def _any_entry(self, key: bytes, due: float, *fields: bytes) -> DueEntry:
        try:
            return self._entry(key.decode(), due, *fields)
        except InvalidTaskError as error:
            return CorruptEntry(key, due, str(error))
        except Exception as error:  # noqa: BLE001  # whatever an entry holds, the others must not wait for it
            return CorruptEntry(key, due, f"{type(error).__name__}: {error}")

    def _entry(
        self,
        key: str,
        due: float,
        task: bytes,
        definition: bytes,
        meta: bytes,
        revision: bytes,
        signature: bytes,
    ) -> DueEntry:
        problem = self._keyring.problem(signature.decode(errors="replace") or None, "task", task)
        if problem is not None:
            return CorruptEntry(key, due, f"{problem}; {SIGN_IT}")
        if task:
            decided = float(meta) if meta else due
            found = due_task(key, due, decided, task, revision, definition.decode())
            self._check_name(key, found.task_id, "task's id")
            return found
        if revision:
            return CorruptEntry(key, due, "the entry's hash has a revision and no task")
        if not definition:
            return CorruptEntry(key, due, "the entry's hash is missing or has no definition")
        if definition.startswith(b"!"):
            return CorruptEntry(key, due, definition[1:].decode())
        return DuePlainEntry(key, due, self._plain_entry(key, definition.decode(), meta.decode()))

    def _plain_entry(self, key: str, definition: str, meta: str) -> RedBeatSchedulerEntry:
        fields = RedBeatSchedulerEntry.decode_definition(definition)
        fields.update(RedBeatSchedulerEntry.decode_meta(meta))
        last_run_at = fields["last_run_at"]
        entry = RedBeatSchedulerEntry(app=self._app, **fields)
        entry.last_run_at = last_run_at  # Celery's entry replaces None by now
        self._check_name(key, entry.name, "entry's name")
        _check_plain_entry(entry)
        return entry

    def _check_name(self, key: str, name: str, what: str) -> None:
        if self._keys.entry(str(name)) != key:
            raise ValueError(f"the {what} is {name!r}, which is not its key's")
        if (problem := name_problem(name, LONGEST_ENTRY_NAME)) is not None:
            raise ValueError(f"the {what} {problem}")


def _bound(most_unfinished: int, redbeat_keys: RedBeatKeys) -> list[str | int]:
    before, after = redis_keys.task_runs("\n").split("\n")
    keys = [redis_keys.ACTIVE_RUNS, redbeat_keys.prefix, before, after, redis_keys.run("")]
    return [most_unfinished, *keys, RunState.MISSED]


def due_task(
    key: str, due: float, decided: float, text: bytes, seen: bytes | None = None, state: str = ""
) -> DueTask:
    """Return a task of ours, from its definition's text; `seen` is the revision that its entry has.

    Raises:
        Exception: of any kind, if it cannot be read.
    """
    if due < 0:
        raise ValueError(f"its due instant is {due}, before 1970")
    stored = orjson.loads(text)
    if not isinstance(stored, dict):
        raise TypeError(f"the task is {type(stored).__name__}, not an object")
    if state == "disabled":
        stored["enabled"] = False
    own = {name: stored.pop(name, None) for name in _OWN_FIELDS}
    task_id, params, revision = own["id"], own["params"], (own["metadata"] or {}).get("revision")
    if not isinstance(revision, int):
        raise TypeError("metadata.revision must be a number")
    if seen is not None and seen.decode() != str(revision):
        raise ValueError(f"its hash has the revision {seen.decode()!r}, its definition {revision}")
    task, trouble = shared_definition(stored)
    if not isinstance(params, dict):
        params, trouble = {}, trouble or "params must be an object"
    is_full, tags = state == "full", tuple(own["tags"] or ())
    after: list[dict[str, Any]] = own["after"] or []
    join: Join = "any" if own["join"] == "any" else "all"
    shared = (key, due, task_id, params, revision, len(text), decided, task, trouble)
    return DueTask(*shared, is_full=is_full, tags=tags, after=after, join=join)


def _check_plain_entry(entry: RedBeatSchedulerEntry) -> None:
    if not isinstance(entry.enabled, bool):
        raise TypeError(f"enabled is {entry.enabled!r}; it must be true or false")
    if name_problem(entry.task) is not None:
        raise TypeError(f"task is {entry.task!r}; it must be the name of a Celery task")
    if not isinstance(entry.args, list | tuple | None):
        # Celery takes a text apart instead; it may hold a secret.
        raise TypeError(f"args is {type(entry.args).__name__}; it must be a list")
    if not isinstance(entry.kwargs, dict) or not isinstance(entry.options, dict):
        raise TypeError("kwargs and options must be objects")
    if not hasattr(entry.schedule, "is_due"):
        raise TypeError(f"schedule is {entry.schedule!r}, which is no schedule")
