"""The soft time limit: it interrupts a handler, once, and nothing else.

The pool sends SIGUSR1 twice, and perhaps just as the handler returns. An exception out of the blue in
the bookkeeping that follows a handler would cost the run its record.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from billiard.pool import soft_timeout_sighandler
from celery.exceptions import SoftTimeLimitExceeded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@contextmanager
def soft_limit() -> Iterator[None]:
    """Raise `SoftTimeLimitExceeded` in what runs inside, should the pool's signal come.

    Does nothing outside a pool's child process, where nobody sends that signal for a time limit.
    """
    if signal.getsignal(signal.SIGUSR1) not in (soft_timeout_sighandler, _ignore):
        yield
        return
    signal.signal(signal.SIGUSR1, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, _ignore)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGUSR1, _ignore)
    raise SoftTimeLimitExceeded


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Hear the signal too late for the handler it was meant for."""
