"""Setting poison entries aside, so that they neither block nor slow the others, and are seen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from mission_control import events, redis_keys
from mission_control.definitions.instants import format_instant

if TYPE_CHECKING:
    from datetime import datetime

    from redis import Redis

_JOURNAL_LENGTH: Final = 10_000
_LONGEST_PROBLEM: Final = 2_000


class Quarantine:
    """Where entries are that beat cannot read, decide about or commit."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def set_aside(self, key: str, problem: str, now: datetime) -> None:
        """Take an entry off the schedule and note why; registering or saving it anew brings it back."""
        at, words = format_instant(now), problem[:_LONGEST_PROBLEM]
        with self._client.pipeline() as pipe:
            pipe.zrem(redis_keys.REDBEAT_SCHEDULE, key)
            pipe.hset(redis_keys.BEAT_QUARANTINE, key, json.dumps({"problem": words, "since": at}))
            pipe.xadd(
                redis_keys.BEAT_JOURNAL,
                {"event": "quarantined", "at": at, "key": key, "problem": words},
                maxlen=_JOURNAL_LENGTH,
            )
            pipe.execute()
        events.quarantined(key, words)
