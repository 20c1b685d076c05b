"""When messages can be popped from a queue: watched by a client that waits for them as a worker does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.place import Place


class Arrivals:
    """Takes the messages off a queue."""

    def __init__(self, place: Place, queue: str) -> None:
        self._client = place.client
        self._queue = queue

    def until(self, instant: float, at_most: int) -> list[float]:
        """Return the moments at which messages were there, in Unix seconds, until `instant` at the latest."""
        moments: list[float] = []
        while len(moments) < at_most and (left := instant - time.time()) > 0:
            if self._client.brpop([self._queue], timeout=min(left, 1.0)) is not None:
                moments.append(time.time())
        return moments
