"""The signals that a pool sends to its children, as a handler's failure must not look like one of them.

At the soft time limit it sends SIGUSR1 twice, and perhaps just as the handler returns: it may interrupt
the handler, once, and nothing else. An exception out of the blue in the bookkeeping that follows would
cost the run its record. To take a handler's process away (shutdown, revocation) it sends SIGTERM, which
arrives as a `SystemExit` in mid-handler.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from billiard.pool import soft_timeout_sighandler
from celery.exceptions import SoftTimeLimitExceeded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

# What billiard's children exit with on SIGTERM (`billiard.common._shutdown_cleanup`).
_TERMINATED: Final = -(256 - signal.SIGTERM)


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


def is_termination(error: SystemExit) -> bool:
    """Whether the pool's SIGTERM raised this, and not a handler that called `sys.exit`."""
    return error.code == _TERMINATED


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGUSR1, _ignore)
    raise SoftTimeLimitExceeded


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Hear the signal too late for the handler it was meant for."""
