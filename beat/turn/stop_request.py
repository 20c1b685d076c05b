"""SIGTERM and Ctrl-C: beat ends between two turns, or in the wait between them."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """Notes the signals, in the place of the handler of Celery.

    That closes the scheduler and raises, wherever beat just is: in the middle of a command to Redis, or in a
    `__del__`, where Python drops what is raised. A second signal is raised at once all the same.
    """

    def __init__(self) -> None:
        self.is_made = False
        self._is_waiting = False

    def listen(self) -> None:
        """Note the signals from now on; does nothing in a thread, which gets none."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._obey)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Do what may be interrupted.

        Raises:
            SystemExit: beat was asked to stop, before or meanwhile.
        """
        self._is_waiting = True
        try:
            if self.is_made:
                raise SystemExit(0)
            yield
        finally:
            self._is_waiting = False

    def _obey(self, _number: int, _frame: FrameType | None) -> None:
        is_second, self.is_made = self.is_made, True
        if self._is_waiting or is_second:
            raise SystemExit(0)
