"""How often a process says that it waits for something: at once, then every minute, and when it is over."""

import threading
import time
from collections.abc import Callable
from typing import Final

SAID_AGAIN_AFTER_SECONDS: Final = 60.0


class Outage:
    """An outage of one service as one process sees it.

    An outage without a failure for a minute is over, even if no request has succeeded since.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._began_at: float | None = None
        self._heard_at = self._said_at = 0.0

    def goes_on(self) -> bool:
        """Note a failure; return whether to log it."""
        with self._lock:
            now = self._clock()
            is_new = self._began_at is None or now - self._heard_at >= SAID_AGAIN_AFTER_SECONDS
            self._heard_at = now
            if is_new:
                self._began_at = now
            if is_new or now - self._said_at >= SAID_AGAIN_AFTER_SECONDS:
                self._said_at = now
                return True
            return False

    def is_over(self) -> float | None:
        """Note a success; return how many seconds the outage lasted, None if there was none."""
        with self._lock:
            began_at, self._began_at = self._began_at, None
            return None if began_at is None else self._clock() - began_at
