"""Ctrl-C, SIGTERM and a closed terminal: the first stops gracefully, a later one at once."""

import os
import signal
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Final, Self

# A terminal and a parent process (such as `timeout`) may both send the signal of one Ctrl-C.
_SAME_SIGNAL_SECONDS: Final = 0.5
STOPS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequestedError(KeyboardInterrupt):
    """The user stopped this command. Not an error, so not caught with errors."""


class StopSignals:
    """While entered, the first signal raises `StopRequestedError` in the main thread.

    A later one calls `kill`.
    """

    def __init__(self) -> None:
        self.kill: Callable[[], None] = lambda: None  # nothing runs yet
        self._first_at: float | None = None
        self._is_deferred = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        # `nohup` ignores SIGHUP, and so do we then.
        heard = (one for one in STOPS if signal.getsignal(one) is not signal.SIG_IGN)
        self._before = {number: signal.signal(number, self._obey) for number in heard}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Delay the first signal to the end of the block, which must run as a whole."""
        self._is_deferred = True
        try:
            yield
        finally:
            self._is_deferred = False
        if self._first_at is not None:
            raise StopRequestedError

    def _obey(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            _leave_terminal()
        if self._first_at is None:
            self._first_at = time.monotonic()
            if not self._is_deferred:
                raise StopRequestedError
        elif number != signal.SIGHUP and time.monotonic() - self._first_at > _SAME_SIGNAL_SECONDS:
            self.kill()
            if self._is_deferred:
                raise StopRequestedError


def _leave_terminal() -> None:
    """Write to a terminal no longer: it is closed, and writing to it fails."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        if stat.S_ISCHR(os.fstat(descriptor).st_mode):
            os.dup2(nowhere, descriptor)
    os.close(nowhere)
