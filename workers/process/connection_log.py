"""Celery's report of a lost connection, in the words of Redis."""

import logging
from typing import Any

from redis.exceptions import RedisError

from mission_control.store.troubles import in_words


class _Words(str):
    __slots__ = ()
    __repr__ = str.__str__


def name_lost_connections() -> None:
    """Make Celery log what Redis has refused: it logs the `repr` of the error, which has only its class."""
    logging.getLogger("celery.worker.consumer.consumer").addFilter(_in_words)


def _in_words(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(_words(one) for one in record.args)
    return True


def _words(value: Any) -> Any:  # noqa: ANN401  # a record may have any arguments
    return _Words(in_words(value)) if isinstance(value, RedisError) else value
