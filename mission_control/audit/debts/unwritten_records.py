"""Records that could not be written, and that no step of the ledger owes: kept in Redis until they can be.

An attempt's ending is owed from the step that ends it on (`owed_records`). A message that was refused and a
change to a task have no such step: their record is kept here as soon as it turns out that it cannot be
written.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import RedisError

from mission_control.audit.stream.log import AuditWriteError
from mission_control.events import events
from mission_control.store import redis_keys

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from redis import Redis

    from mission_control.audit.stream.log import AuditLog

MOST_KEPT: Final = 10_000


def write_or_keep(audit: AuditLog, record: Mapping[str, Any]) -> None:
    """Append a record; one that cannot be written is logged and kept, and never breaks the caller."""
    try:
        audit.append(record)
    except AuditWriteError as error:
        events.audit_write_failed(audit.path, error)
        try:
            audit.keep(record)
        except RedisError as trouble:
            events.waiting_for_redis(trouble)


def keep_unwritten(client: Redis, path: Path, record: Mapping[str, Any]) -> None:
    """Keep a record for the stream at `path`; beyond `MOST_KEPT` it is dropped.

    Raises:
        RedisError: it is not kept.
    """
    with client.pipeline() as pipe:
        pipe.rpush(redis_keys.UNWRITTEN, json.dumps([path.name, dict(record)]))
        pipe.ltrim(redis_keys.UNWRITTEN, 0, MOST_KEPT - 1)
        pipe.execute()
