"""When messages can be popped from a queue: watched by a client that waits for them as a worker does."""

from __future__ import annotations

import json
import time

from benchmarks.place import Place


class Arrivals:
    """Takes the messages off a queue."""

    def __init__(self, place: Place, queue: str) -> None:
        self._client = place.client
        self._queue = queue

    def until(self, instant: float, at_most: int) -> list[float]:
        """Return the moments at which messages were there, in Unix seconds, until `instant` at the latest.

        No worker claims what is taken here, so our beat sends it again after a while; only
        the first message of a run counts.
        """
        moments: dict[str, float] = {}
        while len(moments) < at_most and (left := instant - time.time()) > 0:
            found = self._client.brpop([self._queue], timeout=min(left, 1.0))
            now = time.time()
            if found is not None:
                moments.setdefault(json.loads(found[1])["headers"]["id"], now)
        return list(moments.values())
