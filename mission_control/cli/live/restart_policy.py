"""Whether and when a service that died is restarted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

MOST_RESTARTS: Final = 5
WITHIN: Final = timedelta(minutes=1)
_FIRST_DELAY: Final = timedelta(milliseconds=500)
_LONGEST_DELAY: Final = timedelta(seconds=10)


@dataclass(frozen=True)
class RestartIn:
    """Restart it after a delay."""

    delay: timedelta


@dataclass(frozen=True)
class GiveUp:
    """Stop restarting it."""


def decide_restart(ends: Sequence[datetime], now: datetime) -> RestartIn | GiveUp:
    """Decide about a service that ended at each of `ends`, most recently now.

    Each end within `WITHIN` doubles the delay. After more than `MOST_RESTARTS` of them it stays down.

    >>> from datetime import UTC, datetime
    >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> decide_restart([noon], noon).delay.total_seconds()
    0.5
    >>> decide_restart([noon] * 6, noon)
    GiveUp()
    >>> decide_restart([noon - timedelta(hours=1)] * 6 + [noon], noon).delay.total_seconds()
    0.5
    """
    recent = [end for end in ends if now - end < WITHIN]
    if len(recent) > MOST_RESTARTS:
        return GiveUp()
    return RestartIn(min(_FIRST_DELAY * 2 ** (len(recent) - 1), _LONGEST_DELAY))
