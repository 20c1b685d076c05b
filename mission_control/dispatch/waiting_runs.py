"""Runs that wait because no live worker has their handler."""

import json
from collections.abc import Container
from datetime import datetime, timedelta
from typing import Any, Final

from redis import Redis

from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import WAITING_STATES
from mission_control.model.values.instants import format_instant, parse_instant
from mission_control.store import redis_keys

_LIFE: Final = timedelta(days=30)


def note_waiting(client: Redis, run: RunRecord, now: datetime) -> None:
    """Note that a run waits for a worker that has its handler."""
    note = json.dumps([run.handler, format_instant(now)])
    with client.pipeline() as pipe:
        pipe.hsetnx(redis_keys.WAITING_RUNS, run.execution_id, note)
        pipe.expire(redis_keys.WAITING_RUNS, _LIFE)
        pipe.execute()


def waiting_since(client: Redis, run: RunRecord) -> datetime | None:
    """Return since when a run waits for a worker that has its handler; None if it does not."""
    note: Any = client.hget(redis_keys.WAITING_RUNS, run.execution_id)
    return parse_instant(json.loads(note)[1]) if note is not None and run.state in WAITING_STATES else None


def wake_waiting(client: Redis, handlers: Container[str], now: datetime) -> None:
    """Have beat release the messages of waiting runs whose handler is one of `handlers`."""
    notes: Any = client.hgetall(redis_keys.WAITING_RUNS)
    names = [name for name, note in notes.items() if json.loads(note)[0] in handlers]
    if names:
        with client.pipeline() as pipe:
            pipe.zadd(redis_keys.PARKED, dict.fromkeys(names, now.timestamp()), xx=True)
            pipe.hdel(redis_keys.WAITING_RUNS, *names)
            pipe.execute()
