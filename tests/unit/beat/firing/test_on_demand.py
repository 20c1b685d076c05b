"""Firing that is loaded shortly before the first task is due, and prepares until something else matters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from beat.firing.on_demand import FiringOnDemand
from beat.firing.prepared import AHEAD_SECONDS

if TYPE_CHECKING:
    from beat.firing.firing import Firing

NOW = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)
SOON = NOW.timestamp() + AHEAD_SECONDS - 0.1


class Slices:
    """As `Firing`: there are `left` slices to prepare."""

    next_prepared = SOON

    def __init__(self, left: int) -> None:
        self.left = left
        self.prepared = 0

    def prepare(self, _clock: object, _next_due: float) -> bool:
        self.prepared += 1
        self.left -= 1
        return self.left > 0


class Assembly:
    def __init__(self, slices: int = 1) -> None:
        self.times = 0
        self.firing = Slices(slices)

    def __call__(self) -> Firing:
        self.times += 1
        return cast("Firing", self.firing)


def now() -> datetime:
    return NOW


def not_woken() -> bool:
    return False


def test_nothing_is_loaded_while_nothing_is_due_soon() -> None:
    assembly = Assembly()
    firing = FiringOnDemand(assembly)

    assert firing.prepare(now, None, not_woken) is False
    assert firing.prepare(now, SOON + 0.2, not_woken) is False
    assert firing.fire_prepared(now) == []
    firing.forget_prepared()
    assert firing.next_prepared is None
    assert assembly.times == 0


def test_it_is_loaded_once_when_something_is_due_soon() -> None:
    assembly = Assembly()
    firing = FiringOnDemand(assembly)

    firing.prepare(now, SOON, not_woken)
    firing.prepare(now, SOON, not_woken)

    assert assembly.times == 1
    assert firing.next_prepared == SOON


def test_slices_are_prepared_until_there_are_no_more() -> None:
    assembly = Assembly(slices=5)

    assert FiringOnDemand(assembly).prepare(now, SOON, not_woken) is False
    assert assembly.firing.prepared == 5


def test_preparing_stops_when_a_change_is_announced() -> None:
    assembly = Assembly(slices=5)

    assert FiringOnDemand(assembly).prepare(now, SOON, lambda: True) is True
    assert assembly.firing.prepared == 1


def test_preparing_stops_when_something_is_due() -> None:
    assembly = Assembly(slices=5)

    assert FiringOnDemand(assembly).prepare(now, NOW.timestamp(), not_woken) is True
    assert assembly.firing.prepared == 1
