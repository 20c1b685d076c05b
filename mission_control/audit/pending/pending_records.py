"""Records that could not be written, or may not be.

The record of an ending is pending from the step that ends the attempt, and that of a written task from the
step that writes it. All others, such as that of a refused message, are pending once they cannot be written.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import orjson
from redis import Redis
from redis.exceptions import RedisError

from mission_control.audit.record.json_ready import json_ready
from mission_control.audit.record.repetitions import identity_of
from mission_control.audit.stream.log import AuditLog
from mission_control.errors import AuditWriteError
from mission_control.events import events
from mission_control.store import redis_keys

MOST_PENDING: Final = 10_000
_EPOCH: Final = "1970-01-01T00:00:00Z"


def write_or_pend(audit: AuditLog, record: Mapping[str, Any], *, at_once: bool = True) -> None:
    """Append a record, and anchor it at once: the ledger knows no run by which the sweep could do it.

    Of several in a row, the last one can do that for all.

    One that cannot be written is logged and pending, and never breaks the caller.
    """
    try:
        audit.append(record)
        if at_once:
            audit.flush()
    except AuditWriteError as error:
        events.audit_write_failed(audit.path, error)
        try:
            audit.keep(record)
        except RedisError as trouble:
            events.waiting_for_redis(trouble)


def add_pending(client: Redis, path: Path, record: Mapping[str, Any]) -> None:
    """Make a record for the stream at `path` pending; it is dropped if `MOST_PENDING` are pending already.

    Raises:
        RedisError: it is not pending.
    """
    if client.hlen(redis_keys.PENDING_RECORDS) < MOST_PENDING:
        identity = identity_of(record)
        name = f"record-{time.time_ns()}-{uuid4().hex}" if identity is None else identity
        client.hset(redis_keys.PENDING_RECORDS, name, f"[0,{pending_form(path, record)[1:]}")


def pending_form(path: Path, record: Mapping[str, Any]) -> str:
    """Return what is pending of a record for the stream at `path`: a JSON list, without the time in front."""
    try:
        text = orjson.dumps(record)
    except TypeError:
        text = orjson.dumps(json_ready(dict(record)))
    fields = ["stream", path.name, "record", text.decode()]
    return orjson.dumps([record.get("timestamp", _EPOCH), *fields]).decode()
