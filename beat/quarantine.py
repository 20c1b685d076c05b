"""Setting poison entries aside, so that they neither block nor slow the others, and are seen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from beat.lua import script
from mission_control import events, redis_keys
from mission_control.definitions.instants import format_instant

if TYPE_CHECKING:
    from datetime import datetime

    from redis import Redis

_LONGEST_PROBLEM: Final = 2_000
_KEYS: Final = (redis_keys.REDBEAT_SCHEDULE, redis_keys.BEAT_QUARANTINE, redis_keys.BEAT_JOURNAL)


class Quarantine:
    """Where entries are that beat cannot read, decide about or commit.

    An entry is only taken off the schedule if it is still due when it was seen to be: one that has been
    mended or moved in the meantime stays.
    """

    def __init__(self, client: Redis) -> None:
        self._set_aside = script(client, "set_aside")

    def set_aside(self, key: str | bytes, due: float, problem: str, now: datetime) -> bool:
        """Take an entry off the schedule and note why; registering or saving it anew brings it back.

        False if it is no longer what was seen, and nothing changed.
        """
        at, words = format_instant(now), _printable(problem[:_LONGEST_PROBLEM])
        name = key if isinstance(key, str) else key.decode(errors="backslashreplace")
        note = json.dumps({"problem": words, "since": at})
        is_done = self._take_off(key, due, name, note, at, words)
        if is_done:
            events.quarantined(name, words)
        return is_done

    def take_off(self, key: str, due: float) -> bool:
        """Take an entry off the schedule with which nothing is wrong, but that has no next occurrence."""
        return self._take_off(key, due, key, "", "", "")

    def _take_off(self, key: str | bytes, due: float, *words: str) -> bool:
        answer: Any = self._set_aside(keys=_KEYS, args=[key, repr(due), *words])
        return bool(answer)


def _printable(problem: str) -> str:
    """Return words that can be stored: what an entry holds may have half of a surrogate pair in it."""
    return problem.encode(errors="backslashreplace").decode()
