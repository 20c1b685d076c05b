"""The virtual clock of a simulation: time goes from one event to the next."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any


class EventQueue:
    """What is to happen, in order. `now` is in Unix seconds, `events` is how many have happened."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.events = 0
        self._order = count()
        self._events: list[tuple[float, int, Callable[[Any], None], Any]] = []

    def call_at(self, at: float, act: Callable[[Any], None], subject: object) -> None:
        """Call `act` with `subject` at a time; what is set first happens first."""
        heappush(self._events, (at, next(self._order), act, subject))

    def advance(self, until: float, *, most: int, is_over: Callable[[], bool] = lambda: False) -> float:
        """Let time pass up to `until`, until it `is_over`, or for `most` events; return up to when it has."""
        events = self._events
        while events and events[0][0] <= until and not is_over():
            if self.events >= most:
                return self.now
            at, _, act, subject = heappop(events)
            self.now = max(self.now, at)
            self.events += 1
            act(subject)
        if not is_over():
            self.now = max(self.now, until)
        return self.now
