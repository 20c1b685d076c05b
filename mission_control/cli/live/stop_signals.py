"""Ctrl-C, SIGTERM and a closed terminal: the first stops gracefully, a later one at once."""

import os
import signal
import stat
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Final, Self

# A terminal and a parent process (such as `timeout`) may both send the signal of one Ctrl-C.
_SAME_SIGNAL_SECONDS: Final = 0.5
STOPS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequestedError(KeyboardInterrupt):
    """The user stopped this command. Not an error, so not caught with errors."""


class StopSignals:
    """While entered, the first signal is noted, and raised in the main thread by the next `pause`.

    A later one calls `kill`, or is raised at once while that is None, because nothing runs yet.

    The first is raised nowhere else: Python drops what is raised in a `__del__`, and what is raised between
    two steps of a library may leave its locks taken for ever.
    """

    def __init__(self) -> None:
        self.kill: Callable[[], None] | None = None
        self._first_at: float | None = None
        self._is_raised = self._is_pausing = False
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

    def pause(self, seconds: float) -> None:
        """Wait; in the main thread only.

        Raises:
            StopRequestedError: the first signal came, before or meanwhile.
        """
        self._is_pausing = True
        try:
            self._raise_once()
            time.sleep(seconds)
        finally:
            self._is_pausing = False

    def _raise_once(self) -> None:
        if self._first_at is not None and not self._is_raised:
            self._is_raised = True
            raise StopRequestedError

    def _obey(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            _leave_terminal()
        if self._first_at is None:
            self._first_at = time.monotonic()
        elif number != signal.SIGHUP and time.monotonic() - self._first_at > _SAME_SIGNAL_SECONDS:
            if self.kill is None:
                raise StopRequestedError
            self.kill()
        if self._is_pausing:
            self._raise_once()


def _leave_terminal() -> None:
    """Write to a terminal no longer: it is closed, and writing to it fails."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        if stat.S_ISCHR(os.fstat(descriptor).st_mode):
            os.dup2(nowhere, descriptor)
    os.close(nowhere)
