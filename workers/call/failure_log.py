"""A failing handler's traceback, as the log has it: the handler's own frames, masked and bounded."""

import logging
import os
from pathlib import Path
from traceback import TracebackException
from typing import Final

from celery.exceptions import Retry

from mission_control.audit.record.masking import clean_text

LONGEST_TRACEBACK: Final = 8_192
# Our own folder, and the part of the event loop that calls a coroutine.
_ASYNCIO: Final = Path(os.__file__).with_name("asyncio")
_CALLERS: Final = (
    str(Path(__file__).parent),
    *(str(_ASYNCIO / name) for name in ("base_events.py", "events.py")),
)


class HandlerFailedError(Exception):
    """Raised to Celery when a run has failed for good; the text is the handler's error.

    `handler_traceback` is the handler's own, for Celery's events, which would have that of our code.
    """

    def __init__(self, error: str, handler_traceback: str | None = None) -> None:
        super().__init__(error)
        self.handler_traceback = handler_traceback


def traceback_of(error: BaseException) -> str | None:
    """Return the traceback of an exception caught from a handler; None if it has no frame of the handler.

    It begins with the handler's own frame, and ends with its last one: frames of the code that calls and
    interrupts it are left out.
    """
    try:
        shown = TracebackException.from_exception(error)
        _leave_out_ours(shown)
        text = "".join(shown.format()) if shown.stack else None
    except Exception:  # noqa: BLE001  # an exception's own methods may do anything
        return None
    return None if text is None else clean_text(text, LONGEST_TRACEBACK)


def _leave_out_ours(shown: TracebackException) -> None:
    shown.stack[:] = [frame for frame in shown.stack if not frame.filename.startswith(_CALLERS)]
    for other in (shown.__cause__, shown.__context__):
        if other is not None:
            _leave_out_ours(other)


def leave_out_our_frames() -> None:
    """Make Celery log a handler's failure without the frames that report it to Celery."""
    logging.getLogger("celery.app.trace").addFilter(_without_frames)


def _without_frames(record: logging.LogRecord) -> bool:
    kind = record.exc_info[0] if record.exc_info else None
    if kind is not None and issubclass(kind, HandlerFailedError | Retry):
        record.exc_info = record.exc_text = None
    return True
