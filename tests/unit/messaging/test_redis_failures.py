"""The class of each error of Redis and of the broker, and what beat, worker and sweeper do about it."""

import pytest
from kombu.exceptions import OperationalError
from redis import exceptions

from mission_control.messaging.redis_failures import (
    RedisFailure,
    concerns_everything,
    failure_of,
    is_lasting,
    is_redis_failure,
    is_wrong_type,
)

UNREACHABLE = exceptions.ConnectionError("Error 111 connecting to 127.0.0.1:6379. Connection refused.")
FULL = exceptions.ResponseError("OOM command not allowed when used memory > 'maxmemory'.")
WRONG_TYPE = exceptions.ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")
UNEXPECTED = exceptions.ResponseError("ERR value is not an integer or out of range")


def wrapped(cause: Exception) -> OperationalError:
    error = OperationalError(str(cause))
    error.__cause__ = cause
    return error


def scheduling_error(cause: Exception) -> RuntimeError:
    error = RuntimeError("Couldn't apply scheduled task")
    error.__context__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (UNREACHABLE, RedisFailure.UNREACHABLE),
        (exceptions.TimeoutError("Timeout reading from socket"), RedisFailure.UNREACHABLE),
        (OSError("broken pipe"), RedisFailure.UNREACHABLE),
        (OperationalError("no broker"), RedisFailure.UNREACHABLE),
        (wrapped(UNREACHABLE), RedisFailure.UNREACHABLE),
        (FULL, RedisFailure.REFUSED),
        (
            exceptions.ResponseError("READONLY You can't write against a read only replica."),
            RedisFailure.REFUSED,
        ),
        (wrapped(FULL), RedisFailure.REFUSED),
        (WRONG_TYPE, RedisFailure.WRONG_TYPE),
        (wrapped(WRONG_TYPE), RedisFailure.WRONG_TYPE),
        (UNEXPECTED, RedisFailure.UNEXPECTED),
        (ValueError("no number"), None),
    ],
)
def test_error_has_one_class(error: Exception, failure: RedisFailure | None) -> None:
    assert failure_of(error) is failure


@pytest.mark.parametrize(
    ("error", "beat_waits", "worker_frees_its_slot", "sweeper_stops_looking"),
    [
        (UNREACHABLE, True, False, True),
        (FULL, True, False, True),
        (WRONG_TYPE, False, True, False),
        (UNEXPECTED, True, True, False),
        (ValueError("no number"), False, False, False),
        (scheduling_error(UNREACHABLE), True, False, False),
    ],
)
def test_roles_react_to_the_class_of_an_error(
    error: Exception, beat_waits: bool, worker_frees_its_slot: bool, sweeper_stops_looking: bool
) -> None:
    assert is_redis_failure(error) is beat_waits
    assert is_lasting(error) is worker_frees_its_slot
    assert concerns_everything(error) is sweeper_stops_looking


def test_error_wrapped_by_kombu_is_not_a_wrong_type() -> None:
    assert is_wrong_type(WRONG_TYPE)
    assert not is_wrong_type(wrapped(WRONG_TYPE))
