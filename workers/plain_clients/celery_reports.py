"""What Celery logs about messages, without their bodies, which may hold secrets."""

import logging
from typing import Final

from celery.worker.consumer.consumer import (
    INVALID_TASK_ERROR,
    MESSAGE_DECODE_ERROR,
    UNKNOWN_FORMAT,
    UNKNOWN_TASK_ERROR,
)

_REFUSED: Final = frozenset({INVALID_TASK_ERROR, MESSAGE_DECODE_ERROR, UNKNOWN_FORMAT})
_HANDED_OVER: Final = "TaskPool: Apply"


def leave_out_bodies() -> None:
    """Keep the bodies of messages out of the log of a worker."""
    logging.getLogger("celery.worker.consumer.consumer").addFilter(_without_body)
    logging.getLogger("celery.pool").addFilter(_without_arguments)


def _without_body(record: logging.LogRecord) -> bool:
    """Leave out that Celery has discarded a message for an unknown handler, which is not so."""
    if str(record.msg) in _REFUSED:
        record.msg, record.args = "a message is no task's; the audit stream has its record", None
        record.exc_info = record.exc_text = None
    return str(record.msg) != str(UNKNOWN_TASK_ERROR)


def _without_arguments(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(_HANDED_OVER)
