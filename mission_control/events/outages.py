"""How often a process says that it waits for something, and from when to when it had to wait."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

SAID_AGAIN_AFTER_SECONDS: Final = 60.0
BREATH_SECONDS: Final = 30.0
"""Two outages closer to each other are one: some request had succeeded in between, and others had not."""

_MOST_PAST: Final = 100


class Past(NamedTuple):
    """An outage that is over: how many seconds ago it began and ended, and why it was."""

    began_ago: float
    ended_ago: float
    why: str


class Outage:
    """An outage of one service as one process sees it.

    An outage without a failure for a minute is over, even if no request has succeeded since.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._began_at: float | None = None
        self._heard_at = self._said_at = 0.0
        self._why = ""
        self._past = deque[tuple[float, float, str]](maxlen=_MOST_PAST)

    def goes_on(self, why: str = "") -> bool:
        """Note a failure; return whether to log it."""
        with self._lock:
            now = self._clock()
            is_new = self._began_at is None or now - self._heard_at >= SAID_AGAIN_AFTER_SECONDS
            if is_new:
                self._end(self._heard_at)
                self._began_at, self._why = now, why
            self._heard_at = now
            if is_new or now - self._said_at >= SAID_AGAIN_AFTER_SECONDS:
                self._said_at = now
                return True
            return False

    def is_over(self) -> float | None:
        """Note a success; return how many seconds the outage lasted, None if there was none."""
        if self._began_at is None:  # as nearly always
            return None
        with self._lock:
            now = self._clock()
            return self._end(self._heard_at if now - self._heard_at >= SAID_AGAIN_AFTER_SECONDS else now)

    def _end(self, at: float) -> float | None:
        began_at, self._began_at = self._began_at, None
        if began_at is None:
            return None
        lasted, before = at - began_at, self._past[-1] if self._past else None
        if before is not None and before[2] == self._why and began_at - before[1] < BREATH_SECONDS:
            began_at = self._past.pop()[0]
        self._past.append((began_at, at, self._why))
        return lasted

    def past(self) -> list[Past]:
        """Return the outages that are over, the last 100 that were not forgotten, the oldest first."""
        with self._lock:
            now = self._clock()
            return [Past(now - began, now - ended, why) for began, ended, why in self._past]

    def forget(self, count: int) -> None:
        """Forget the oldest past ones, which are stored elsewhere now."""
        with self._lock:
            for _ in range(min(count, len(self._past))):
                self._past.popleft()
