"""A failing handler's traceback, as the log has it: the handler's own frames, masked and bounded."""

import logging
from traceback import TracebackException
from typing import Final

from mission_control.audit.record.masking import clean_text

LONGEST_TRACEBACK: Final = 8_192


class HandlerFailedError(Exception):
    """Raised to Celery when a run has failed for good; the text is the handler's error."""


def traceback_of(error: BaseException) -> str | None:
    """Return the traceback of an exception caught from a handler; None if it has no frame of the handler.

    It begins with the handler's own frame. Without one it would add nothing to the error itself.
    """
    frames = error.__traceback__.tb_next if error.__traceback__ is not None else None
    if frames is None:
        return None
    try:
        text = "".join(TracebackException(type(error), error, frames).format())
    except Exception:  # noqa: BLE001  # an exception's own methods may do anything
        return None
    return clean_text(text, LONGEST_TRACEBACK)


def leave_out_our_frames() -> None:
    """Make Celery log a handler's failure without the frames that report it to Celery."""
    logging.getLogger("celery.app.trace").addFilter(_without_frames)


def _without_frames(record: logging.LogRecord) -> bool:
    kind = record.exc_info[0] if record.exc_info else None
    if kind is not None and issubclass(kind, HandlerFailedError):
        record.exc_info = None
    return True
