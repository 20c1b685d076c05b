"""Setting poison entries aside, so that they neither block nor slow the others, and are seen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mission_control import events, redis_keys
from mission_control.definitions.instants import format_instant

if TYPE_CHECKING:
    from datetime import datetime

    from redis import Redis


def set_aside(client: Redis, key: str, problem: str, now: datetime) -> None:
    """Take an entry off the schedule and note why; registering or saving it anew brings it back."""
    note = json.dumps({"problem": problem[:2_000], "since": format_instant(now)})
    with client.pipeline() as pipe:
        pipe.zrem(redis_keys.REDBEAT_SCHEDULE, key)
        pipe.hset(redis_keys.BEAT_QUARANTINE, key, note)
        pipe.execute()
    events.quarantined(key, problem)
