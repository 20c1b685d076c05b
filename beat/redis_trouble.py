"""Telling trouble with a server, which is waited for, from what is wrong with one entry."""

from __future__ import annotations

from typing import Final

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

TROUBLE: Final = (RedisError, OperationalError, OSError)
"""What redis-py and kombu raise when a server cannot be reached, refuses or hangs up."""


def is_trouble_of_redis(error: BaseException) -> bool:
    """Whether an error is trouble with a server, or was raised over it, as Celery's `SchedulingError` is."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, TROUBLE):
            return True
        seen = seen.__cause__ if seen.__cause__ is not None else seen.__context__
    return False
