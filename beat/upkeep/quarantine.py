"""Quarantine of corrupt entries: they neither block nor slow the others, and `status` shows them."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self, TypeGuard

from redis import Redis

from beat.entries.due_entries import DueEntries, DueEntry, DuePlainEntry, DueTask
from beat.entries.entry_keys import as_bytes
from mission_control.audit.stream.log import AuditLog
from mission_control.events import events
from mission_control.model.values.instants import format_instant, parse_instant
from mission_control.registry.change_log import ChangeLog
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script
from mission_control.store.redis_keys import RedBeatKeys

_LONGEST_PROBLEM: Final = 2_000

_AT_ONCE: Final = 500
_IS_TASK: Final = 2
_FIRST_DELAY: Final = 5.0
_LONGEST_DELAY: Final = 3_600.0


class Quarantine:
    """Holds the entries that beat cannot read, decide about or commit.

    Entries are taken off the schedule with the next `flush`, however many in one round trip, and only
    those that are still due when they were seen to be: one that was repaired or moved in the meantime stays.
    A task's quarantine, and its end, are changes that `changes` records.
    """

    def __init__(
        self, client: Redis, changes: AuditLog, redbeat_keys: RedBeatKeys = redis_keys.DEFAULT_REDBEAT_KEYS
    ) -> None:
        self._client = client
        self._changes = ChangeLog(changes, actor="beat")
        self._prefix = redbeat_keys.prefix
        self._keys = (
            redbeat_keys.schedule,
            redis_keys.BEAT_QUARANTINE,
            redis_keys.BEAT_JOURNAL,
            redis_keys.TASKS,
            redis_keys.EDITS,
        )
        self._script = lua_script(client, __package__, "quarantine")
        self._restore = lua_script(client, __package__, "restore")
        self._cursor = 0
        self._next_delays: dict[str | bytes, float] = {}
        self._waiting: list[_Waiting] = []

    def add(
        self, key: str | bytes, due: float, problem: str, now: datetime, *, is_unread: bool = False
    ) -> None:
        """Take an entry off the schedule and note why; registering or saving it again brings it back.

        One that could not be read (`is_unread`) also comes back by itself once it can be. Any other is tried
        again after a delay, which doubles each time.
        """
        delay = 0.0 if is_unread else self._next_delays.pop(key, _FIRST_DELAY)
        self._waiting.append(_Waiting.of(key, due, problem, now, delay=delay))

    def note(self, key: str, due: float, problem: str, now: datetime) -> None:
        """Note what is wrong with an entry that stays on the schedule, so that its occurrences are missed."""
        self._waiting.append(_Waiting.of(key, due, problem, now, delay=0.0, stays=True))

    def flush(self) -> int:
        """Do it, and return how many entries were taken off or noted."""
        if not self._waiting:
            return 0
        waiting, self._waiting = self._waiting, []
        with self._client.pipeline(transaction=False) as pipe:
            for one in waiting:
                args = [*one.args(), *self._of_task(one.name, "quarantined")]
                self._script(keys=self._keys, args=args, client=pipe)
            done = pipe.execute()
        noted = [(one, answer) for one, answer in zip(waiting, done, strict=True) if answer]
        events.entries_quarantined([(one.name, one.problem) for one, _ in noted])
        for one, answer in noted:
            if answer == _IS_TASK:
                self._record(one.name, "quarantined", one.problem, parse_instant(one.at))
        return sum(bool(answer) for answer in done)

    def restore(self, entries: DueEntries, now: datetime, *, is_start: bool = False) -> int:
        """Put entries back that can be read, due when they were, and return how many.

        At a start of beat all are tried; else some, and only those whose delay is over.
        """
        restored: list[str] = []
        for page in self._pages(every=is_start):
            notes = {key: note for key, note in page.items() if is_start or _is_over(note, now)}
            sound = [one.key for one in entries.of_keys([*notes]) if _is_sound(one)]
            restored += [key for key in sound if self._put_back(key, notes[key.encode()], now)]
        if restored:
            events.entries_restored(restored)
        return len(restored)

    def _pages(self, *, every: bool) -> Iterator[dict[bytes, bytes]]:
        """Give some notes by their entry's key, at each call the next; or all."""
        while True:
            scan = ("HSCAN", redis_keys.BEAT_QUARANTINE, self._cursor, "COUNT", _AT_ONCE)
            cursor, notes = as_bytes(self._client, *scan)
            self._cursor = int(cursor)
            yield notes
            if not every or self._cursor == 0:
                return

    def _put_back(self, key: str, note: bytes, now: datetime) -> bool:
        due, delay = _number(note, "due", now.timestamp()), _number(note, "delay", 0.0)
        if delay > 0:  # if it fails again
            self._next_delays[key] = min(delay * 2, _LONGEST_DELAY)
        args: list[str | bytes] = [key, repr(due), note, format_instant(now), *self._of_task(key, "restored")]
        answer = self._restore(keys=self._keys, args=args)
        if answer == _IS_TASK:
            self._record(key, "restored", "its trouble is over", now)
        return bool(answer)

    def _record(self, key: str, change: str, reason: str, now: datetime) -> None:
        self._changes.record(self._task_id(key), change, {}, {}, reason=reason, at=now)

    def _of_task(self, key: str, change: str) -> tuple[str, str]:
        task_id = self._task_id(key)
        return task_id, json.dumps([self._changes.edit("task", change, task_id=task_id)])

    def _task_id(self, key: str) -> str:
        return key.removeprefix(self._prefix)


@dataclass(frozen=True)
class _Waiting:
    """An entry to take off the schedule, or merely to note if it `stays`."""

    key: str | bytes
    due: float
    name: str
    note: str
    at: str
    problem: str
    stays: bool

    @classmethod
    def of(
        cls, key: str | bytes, due: float, problem: str, now: datetime, *, delay: float, stays: bool = False
    ) -> Self:
        at, words = format_instant(now), _printable(problem[:_LONGEST_PROBLEM])
        name = key if isinstance(key, str) else key.decode(errors="backslashreplace")
        note = {"problem": words, "since": at, "due": due, "delay": delay, "stays": stays}
        return cls(key, due, name, json.dumps(note), at, words, stays)

    def args(self) -> list[str | bytes | int]:
        return [self.key, repr(self.due), self.name, self.note, self.at, self.problem, int(self.stays)]


def _fields(note: bytes) -> dict[str, Any]:
    try:
        found = json.loads(note)
    except ValueError:  # another program wrote it
        return {}
    return found if isinstance(found, dict) else {}


def _number(note: bytes, name: str, default: float) -> float:
    found = _fields(note).get(name)
    return found if isinstance(found, float) else default


def _is_over(note: bytes, now: datetime) -> bool:
    """Return whether the delay of a noted entry is over."""
    try:
        since = parse_instant(_fields(note)["since"])
        return since.timestamp() + _number(note, "delay", math.inf) <= now.timestamp()
    except (ValueError, TypeError, LookupError):
        return False


def _is_sound(entry: DueEntry) -> TypeGuard[DueTask | DuePlainEntry]:
    return isinstance(entry, DuePlainEntry) or (isinstance(entry, DueTask) and not entry.trouble)


def _printable(problem: str) -> str:
    """Return words that can be stored: what an entry holds may have half of a surrogate pair in it."""
    return problem.encode(errors="backslashreplace").decode()


def forget_deleted(client: Redis) -> None:
    """Take entries out of the quarantine that have been deleted since."""
    notes: list[bytes] = as_bytes(client, "HKEYS", redis_keys.BEAT_QUARANTINE)
    for start in range(0, len(notes), _AT_ONCE):
        some = notes[start : start + _AT_ONCE]
        with client.pipeline(transaction=False) as pipe:
            for key in some:
                pipe.exists(key)
            found = pipe.execute()
        # An entry whose key is not text is noted with escapes, under which nothing can be found.
        gone = [key for key, is_there in zip(some, found, strict=True) if not is_there and b"\\x" not in key]
        if gone:
            client.hdel(redis_keys.BEAT_QUARANTINE, *gone)
