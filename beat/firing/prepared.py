"""Requests made before they are due, so that nothing but the commit is left to do at the instant itself."""

from collections import deque
from typing import Final

from beat.firing.fire_request import FireRequest

AHEAD_SECONDS: Final = 5.0
"""How long before it is due an entry may be prepared."""

SLICE: Final = 250
"""How many entries are loaded and prepared at a time; loading and reading them takes some milliseconds, in
which nothing is fired."""

MOST_PREPARED: Final = 10_000
"""How many requests are kept; some 2 KiB each. Those beyond are made when they are due."""

MOST_BYTES: Final = 24 * 1024 * 1024
"""How much is kept of them, however few they are: parameters may be large."""


class Prepared:
    """Requests that wait for their instant, the soonest first.

    A request that its task's edit has overtaken stays and is refused by the commit. Entries are looked at
    in order of their due instants: everything before `since`, and `seen` entries due at `since`, have been.
    An entry that comes later among those that were seen is made when it is due.
    """

    def __init__(self) -> None:
        self._waiting: deque[FireRequest] = deque()
        self._size = 0
        self.since = 0.0
        self.seen = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def begin_at(self, instant: float) -> None:
        """Look at nothing that is due before `instant`."""
        if self.since < instant:
            self.since, self.seen = instant, 0

    def add(self, request: FireRequest | None, due: float) -> None:
        """Note that the next entry, due at `due`, was looked at, and keep its request if it has one."""
        if request is not None:
            self._waiting.append(request)
            self._size += len(request.packed)
        self.seen = self.seen + 1 if due == self.since else 1
        self.since = due

    def take_due(self, now: float, most: int) -> list[FireRequest]:
        """Take out the requests that are due; those that come too late are dropped, and made again."""
        taken: list[FireRequest] = []
        while self._waiting and len(taken) < most and self._waiting[0].due <= now:
            request = self._waiting.popleft()
            self._size -= len(request.packed)
            if request.is_timely(now):
                taken.append(request)
        return taken

    @property
    def has_room(self) -> bool:
        """Whether more of them may be kept."""
        return self._size < MOST_BYTES

    @property
    def next_due(self) -> float | None:
        """When the next of them is due."""
        return self._waiting[0].due if self._waiting else None

    def clear(self) -> None:
        """Forget them all: another beat leads."""
        self._waiting.clear()
        self._size = 0
        self.since, self.seen = 0.0, 0
