"""Telling trouble with a server, which is waited for, from what is wrong with one entry."""

from __future__ import annotations

from typing import Final

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError, ResponseError

TROUBLE: Final = (RedisError, OperationalError, OSError)
"""What redis-py and kombu raise when a server cannot be reached, refuses or hangs up."""


def is_trouble_of_redis(error: BaseException) -> bool:
    """Whether an error is trouble with a server, or was raised over it, as Celery's `SchedulingError` is.

    A key of the wrong type is not: the server is well, and asking again would not help.
    """
    if is_wrong_type(error):
        return False
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, TROUBLE):
            return True
        seen = seen.__cause__ if seen.__cause__ is not None else seen.__context__
    return False


def is_wrong_type(error: BaseException) -> bool:
    """Whether an error is Redis' complaint that a key holds something else than it should."""
    return isinstance(error, ResponseError) and "WRONGTYPE" in str(error)
