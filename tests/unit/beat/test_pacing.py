"""How fast what a downtime left is caught up."""

from __future__ import annotations

import pytest

from beat.pacing import CATCH_UP_PER_SECOND, Pacer

NOW = 1_000_000.0


def test_late_runs_of_many_tasks_are_released_one_a_slot_and_none_before_now() -> None:
    pacer = Pacer()
    slots = [pacer.slot(NOW, f"task-{at}", 0) for at in range(3 * CATCH_UP_PER_SECOND)]

    assert slots[0] == NOW
    assert slots == sorted(slots)
    for start in range(2 * CATCH_UP_PER_SECOND):
        assert slots[start + CATCH_UP_PER_SECOND] - slots[start] == pytest.approx(1.0)


def test_a_tasks_own_runs_start_its_stagger_apart() -> None:
    pacer = Pacer()
    slots = [pacer.slot(NOW, "task", 30) for _ in range(4)]
    assert slots == [NOW, NOW + 30, NOW + 60, NOW + 90]


def test_one_tasks_stagger_does_not_hold_the_others_up() -> None:
    pacer = Pacer(per_second=10)
    for _ in range(5):
        pacer.slot(NOW, "staggered", 600)
    assert pacer.slot(NOW, "other", 0) == pytest.approx(NOW + 0.5)


def test_slots_are_not_saved_up_while_nothing_is_late() -> None:
    pacer = Pacer(per_second=10)
    pacer.slot(NOW, "task", 0)
    assert [pacer.slot(NOW + 60, name, 0) for name in ("a", "b")] == pytest.approx([NOW + 60, NOW + 60.1])


def test_a_stagger_lasts_beyond_the_turn_that_began_it() -> None:
    pacer = Pacer()
    pacer.slot(NOW, "task", 30)
    pacer.slot(NOW, "task", 30)
    assert pacer.slot(NOW + 10, "task", 30) == NOW + 60
