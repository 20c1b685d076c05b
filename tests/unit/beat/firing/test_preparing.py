"""Preparing what falls due soon: slice by slice, until something else is more urgent."""

from __future__ import annotations

from datetime import UTC, datetime

from beat.firing.firing import Firing
from beat.firing.prepared import AHEAD_SECONDS

NOW = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)
SOON = NOW.timestamp() + AHEAD_SECONDS - 0.1


class SlicedFiring(Firing):
    """A `Firing` that has `left` slices to prepare."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.slices = 0

    def _prepare_slice(self, _clock: object, _next_due: float) -> bool:
        self.slices += 1
        self.left -= 1
        return self.left > 0


def now() -> datetime:
    return NOW


def not_woken() -> bool:
    return False


def test_preparation_without_due_entries_does_nothing() -> None:
    firing = SlicedFiring(1)
    assert firing.prepare(now, None, not_woken) is False
    assert firing.slices == 0


def test_preparation_takes_slices_until_there_are_no_more() -> None:
    firing = SlicedFiring(5)
    assert firing.prepare(now, SOON, not_woken) is False
    assert firing.slices == 5


def test_preparation_stops_when_a_change_is_announced() -> None:
    firing = SlicedFiring(5)
    assert firing.prepare(now, SOON, lambda: True) is True
    assert firing.slices == 1


def test_preparation_stops_when_an_entry_is_due() -> None:
    firing = SlicedFiring(5)
    assert firing.prepare(now, NOW.timestamp(), not_woken) is True
    assert firing.slices == 1
