"""Requests made before they are due, so that nothing but the commit is left to do at the instant itself."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from beat.fire_request import FireRequest

AHEAD_SECONDS: Final = 5.0
"""How long before it is due an entry may be prepared."""

MOST_PREPARED: Final = 10_000
"""How many requests are kept; some 2 KiB each. Those beyond are made when they are due."""


class Prepared:
    """Requests that wait for their instant, the soonest first.

    A request that its task's edit has overtaken stays and is refused by the commit. `until` is the due
    instant up to which everything was prepared when it was looked at last.
    """

    def __init__(self) -> None:
        self._waiting: deque[FireRequest] = deque()
        self.until = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, requests: Iterable[FireRequest]) -> None:
        """Keep requests that are due after those kept so far."""
        self._waiting.extend(requests)

    def take_due(self, now: float, most: int) -> list[FireRequest]:
        """Take out the requests that are due."""
        taken: list[FireRequest] = []
        while self._waiting and len(taken) < most and self._waiting[0].due <= now:
            taken.append(self._waiting.popleft())
        return taken

    @property
    def next_due(self) -> float | None:
        """When the next of them is due."""
        return self._waiting[0].due if self._waiting else None

    def clear(self) -> None:
        """Forget them all: somebody else leads."""
        self._waiting.clear()
        self.until = 0.0
