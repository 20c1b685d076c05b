"""Quarantine of corrupt entries: they neither block nor slow the others, and `status` shows them."""

import json
from datetime import datetime
from typing import Final

from redis import Redis

from beat.entries.entry_keys import as_bytes
from mission_control.events import events
from mission_control.model.values.instants import format_instant
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script
from mission_control.store.redis_keys import RedBeatKeys

_LONGEST_PROBLEM: Final = 2_000
_AT_ONCE: Final = 500


class Quarantine:
    """Holds the entries that beat cannot read, decide about or commit.

    Entries are taken off the schedule with the next `flush`, however many in one round trip, and only
    those that are still due when they were seen to be: one that was repaired or moved in the meantime stays.
    """

    def __init__(self, client: Redis, redbeat_keys: RedBeatKeys = redis_keys.DEFAULT_REDBEAT_KEYS) -> None:
        self._client = client
        self._keys = (redbeat_keys.schedule, redis_keys.BEAT_QUARANTINE, redis_keys.BEAT_JOURNAL)
        self._script = lua_script(client, __package__, "quarantine")
        self._waiting: list[tuple[str | bytes, str, str, str, str, str]] = []

    def add(self, key: str | bytes, due: float, problem: str, now: datetime) -> None:
        """Take an entry off the schedule and note why; registering or saving it again brings it back."""
        at, words = format_instant(now), _printable(problem[:_LONGEST_PROBLEM])
        name = key if isinstance(key, str) else key.decode(errors="backslashreplace")
        note = json.dumps({"problem": words, "since": at})
        self._waiting.append((key, repr(due), name, note, at, words))

    def take_off(self, key: str, due: float) -> None:
        """Take an entry off the schedule with which nothing is wrong, but that has no next occurrence."""
        self._waiting.append((key, repr(due), key, "", "", ""))

    def flush(self) -> int:
        """Do it, and return how many entries were taken off."""
        if not self._waiting:
            return 0
        waiting, self._waiting = self._waiting, []
        with self._client.pipeline(transaction=False) as pipe:
            for args in waiting:
                self._script(keys=self._keys, args=args, client=pipe)
            done = pipe.execute()
        noted = zip(waiting, done, strict=True)
        events.entries_quarantined([(args[2], args[5]) for args, is_done in noted if is_done and args[3]])
        return sum(bool(is_done) for is_done in done)


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
