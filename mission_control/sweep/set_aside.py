"""What stands in Redis and cannot be read, taken out of the way of the rest: kept, and told in the log."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

from mission_control.events import events
from mission_control.store import redis_keys

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from redis import Redis

MOST_SET_ASIDE: Final = 1_000


@contextmanager
def moving_aside(client: Redis, what: str, text: str, problem: Exception, *, at: datetime) -> Iterator[Any]:
    """Take something out of its place and note it on `mc:audit:set_aside`, both in one step.

        with moving_aside(client, "a debt", text, error, at=now) as pipe:
            pipe.hdel(key, field)

    `what` says what it is, `text` is all there is of it. Of more than `MOST_SET_ASIDE` the oldest are
    forgotten; the log has told of each.

    Raises:
        RedisError: nothing was done.
    """
    reason = f"{type(problem).__name__}: {problem}"
    entry = {"what": what, "text": text, "problem": reason, "at": at.isoformat()}
    with client.pipeline() as pipe:
        yield pipe
        pipe.lpush(redis_keys.SET_ASIDE, json.dumps(entry))
        pipe.ltrim(redis_keys.SET_ASIDE, 0, MOST_SET_ASIDE - 1)
        pipe.execute()
    events.pending_record_quarantined(what, reason)


def last_set_aside(client: Redis, *, limit: int = 20) -> list[dict[str, str]]:
    """Return what was set aside last, the latest first: `what`, `text`, `problem` and `at` of each."""
    found = cast("list[str]", client.lrange(redis_keys.SET_ASIDE, 0, limit - 1))
    return [json.loads(entry) for entry in found]
