"""A constant delay per task, so that a thousand tasks due at 09:00 do not all start at once."""

import hashlib
from datetime import timedelta

_DIGEST_BYTES = 8


def spread_offset(task_id: str, spread_seconds: float) -> timedelta:
    """Return how much later than its nominal time a task starts: from 0 up to `spread_seconds`, exclusive.

    The same task always gets the same offset, on every machine; the offsets of many tasks are evenly
    distributed. The nominal time itself stays as it is.

    >>> spread_offset("daily_briefing", 0)
    datetime.timedelta(0)
    >>> spread_offset("daily_briefing", 60) == spread_offset("daily_briefing", 60)
    True
    """
    if not spread_seconds:
        return timedelta(0)
    digest = hashlib.blake2b(task_id.encode(), digest_size=_DIGEST_BYTES).digest()
    span = timedelta(seconds=spread_seconds) // timedelta(microseconds=1)
    return timedelta(microseconds=(int.from_bytes(digest) * span) >> (8 * _DIGEST_BYTES))
