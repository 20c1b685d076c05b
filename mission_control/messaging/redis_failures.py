"""What happens when Redis or the broker fails: the classes of failures, and what each role does about them.

UNREACHABLE  No connection, no answer in time, no master.
REFUSED      Redis answers that it cannot: full, read-only, loading, no permission, disk trouble, …
             In both cases the producer raises `StoreUnavailableError` within seconds (a run that was entered
             but not sent is cancelled); beat waits and tries again, and the misfire policy decides about what
             fell due meanwhile; a worker gives a message back whose handler has not started, and holds the
             outcome of one that has until it is written; the sweeper tries again at its next look.
WRONG_TYPE   A key has another Redis type than its users need: no waiting helps. The producer raises Redis'
             error; beat reports the key, leaves that step for a while and does the others; a worker frees
             its slot, and the sweeper delivers the attempt again, less and less often; a plain client's
             message is rejected; the sweeper logs the run and goes on with the others.
UNEXPECTED   Any other error in an answer. As WRONG_TYPE, but beat waits as for REFUSED.

`mission_control/store/troubles.py` has the words for people: what is wrong with Redis, and the remedy.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError, ResponseError

from mission_control.store.troubles import explain


class RedisFailure(StrEnum):
    """Classes of failures; the module says what each role does about them."""

    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    WRONG_TYPE = "wrong type"
    UNEXPECTED = "unexpected"


REDIS_ERRORS: Final = (RedisError, OperationalError, OSError)
"""What redis-py and kombu raise when a server cannot be reached, refuses or hangs up."""

_CONCERN_EVERYTHING: Final = frozenset({RedisFailure.UNREACHABLE, RedisFailure.REFUSED})


def failure_of(error: BaseException) -> RedisFailure | None:
    """Return the class of an error, None if it is no failure of Redis or the broker."""
    wraps_another = isinstance(error, OperationalError) and error.__cause__ is not None
    cause = error.__cause__ if wraps_another else error
    if isinstance(cause, ResponseError):
        if explain(cause) is not None:
            return RedisFailure.REFUSED
        return RedisFailure.WRONG_TYPE if "WRONGTYPE" in str(cause) else RedisFailure.UNEXPECTED
    return RedisFailure.UNREACHABLE if isinstance(error, REDIS_ERRORS) else None


def concerns_everything(error: BaseException) -> bool:
    """Whether an error would meet every other run, too, so that the sweeper stops looking for now."""
    return failure_of(error) in _CONCERN_EVERYTHING


def is_lasting(error: BaseException) -> bool:
    """Whether Redis would answer the same again, so that a worker does not wait for it."""
    return isinstance(error, ResponseError) and not concerns_everything(error)


def is_wrong_type(error: BaseException) -> bool:
    """Whether an error is Redis' complaint that a key has another type than the command needs."""
    return isinstance(error, ResponseError) and failure_of(error) is RedisFailure.WRONG_TYPE


def is_redis_failure(error: BaseException) -> bool:
    """Whether an error is one for which beat waits, or was raised over one, as Celery's `SchedulingError` is.

    A wrong type is not: the server works, and waiting does not help.
    """
    return not is_wrong_type(error) and any(failure_of(one) is not None for one in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ if seen.__cause__ is not None else seen.__context__
