"""Interrupting a handler, and only the handler, from the pool's parent process or from a thread of this one.

At the soft time limit a pool sends its child SIGUSR1 twice, perhaps just as the handler returns. The signal
may interrupt the handler, once; an exception in the code that follows would cost the run its record. To end
a handler's process (shutdown, revocation) the pool sends SIGTERM, which arrives as a `SystemExit` in the
handler.
"""

import ctypes
import signal
import threading

# That of `signal` makes an enum of the number at each call.
from _signal import getsignal  # type: ignore[import-not-found]
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from billiard.pool import soft_timeout_sighandler
from celery.exceptions import SoftTimeLimitExceeded

# What billiard's children exit with on SIGTERM (`billiard.common._shutdown_cleanup`).
_TERMINATED: Final = -(256 - signal.SIGTERM)


class RunStoppedError(BaseException):
    """Raised in a handler to stop it; the handler's `except Exception` does not catch it."""


class RunCancelledError(RunStoppedError):
    """The run should be cancelled, as requested."""


class LeaseLostError(RunStoppedError):
    """Another worker has the run: this process did not renew its lease in time."""


class WorkerStopsError(RunStoppedError):
    """The worker ends at once, and gives the run back."""


class Interruptible:
    """A handler's stay on a thread, during which it can be interrupted, once.

    In the main thread of a pool's child the interruption is a signal, which ends a `time.sleep` too. On
    any other thread it is an exception that Python raises between two of the handler's own instructions.
    """

    def __init__(self) -> None:
        self.reason: type[BaseException] = SoftTimeLimitExceeded
        self.instead: Callable[[type[BaseException]], object] | None = None
        """Called with the reason, on whatever thread, in the place of raising it."""
        self.uses_signal = is_in_pool_child() and threading.current_thread() is threading.main_thread()
        self._thread = threading.get_ident()
        self._lock = threading.RLock()  # a signal that interrupts may come while it is held
        self._is_open = True

    def interrupt(self, reason: type[BaseException]) -> bool:
        """Raise `reason` in the handler; False if it was interrupted before, or has returned."""
        with self._lock:
            if not self._is_open:
                return False
            self._is_open = False
            self.reason = reason
            if self.instead is not None:
                self.instead(reason)
            elif self._thread == threading.get_ident():  # asked by a signal that came on top of the handler
                raise reason
            elif self.uses_signal:
                signal.pthread_kill(self._thread, signal.SIGUSR1)
            else:
                raise_in(self._thread, reason)
        return True

    def close(self) -> None:
        """Block further interruptions: the handler has returned."""
        try:
            with self._lock:
                was_open, self._is_open = self._is_open, False
            if not was_open and not self.uses_signal:
                _let_pending_come()
        except (RunStoppedError, SoftTimeLimitExceeded):
            pass  # it came too late for the handler


@contextmanager
def interruptible() -> Iterator[Interruptible]:
    """Make the code of the block interruptible, by the pool's signal or through the yielded handle."""
    stay = Interruptible()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if stay.instead is not None:
            stay.instead(stay.reason)
            return
        signal.signal(signal.SIGUSR1, _ignore)
        raise stay.reason

    if stay.uses_signal:
        signal.signal(signal.SIGUSR1, on_signal)
    try:
        yield stay
    finally:
        if stay.uses_signal:
            signal.signal(signal.SIGUSR1, _ignore)
        stay.close()


def is_in_pool_child() -> bool:
    """Whether this process is a child of a prefork pool, which can be killed without harm to other runs."""
    return getsignal(signal.SIGUSR1) in (soft_timeout_sighandler, _ignore)


def is_termination(error: SystemExit) -> bool:
    """Whether the pool's SIGTERM raised this, and not a handler that called `sys.exit`."""
    return error.code == _TERMINATED


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Ignore a signal that came too late for its handler."""


def raise_in(thread: int, reason: type[BaseException]) -> None:
    """Raise an exception on a thread, between two of its instructions."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(reason))


def _let_pending_come() -> None:
    """Run instructions, so that Python raises the pending exception of this thread.

    To take it back with `PyThreadState_SetAsyncExc(…, NULL)` would leave the interpreter's flag for it
    set (in CPython 3.11), and slow down, or under a profiler stop, all that follows.
    """
    for _ in range(100):
        pass
