"""Debouncing: many requests within a short time become one run."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Edge = Literal["trailing", "leading"]


@dataclass(frozen=True)
class Debounce:
    """How requests with the same key are debounced.

    A window opens with the first request. It ends `delay` after the last one, and at the latest `max_delay`
    after the first. On the trailing edge the run is that of the last request, and starts as the window
    ends; on the leading edge it is that of the first, and starts as the window opens.
    """

    key: str
    delay: timedelta
    max_delay: timedelta
    edge: Edge = "trailing"

    def ends_at(self, now: datetime, first: datetime) -> datetime:
        """Return when the window ends whose first request was at `first`, with a request `now`.

        >>> debounce = Debounce("tea", timedelta(seconds=10), timedelta(seconds=25))
        >>> noon = datetime(2026, 3, 1, 12)
        >>> [debounce.ends_at(noon + timedelta(seconds=at), noon).second for at in (0, 9, 18)]
        [10, 19, 25]
        """
        return min(now + self.delay, first + self.max_delay)
