"""Results of what is sent before the one before has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mission_control.store.sent_script import results_in_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Line:
    """What was sent and what was waited for, in order; one of them fails."""

    def __init__(self, failing: int | None = None) -> None:
        self.failing = failing
        self.steps: list[str] = []

    def sent(self, count: int) -> Iterator[Callable[[], int]]:
        for at in range(count):
            self.steps.append(f"send {at}")
            yield lambda at=at: self.result(at)  # type: ignore[misc]

    def result(self, at: int) -> int:
        self.steps.append(f"wait {at}")
        if at == self.failing:
            raise ValueError(at)
        return at


def test_next_is_sent_before_one_is_waited_for() -> None:
    line = Line()
    assert list(results_in_turn(line.sent(3))) == [0, 1, 2]
    assert line.steps == ["send 0", "send 1", "wait 0", "send 2", "wait 1", "wait 2"]


def test_after_an_error_what_was_sent_meanwhile_is_waited_for_and_nothing_more_is_sent() -> None:
    line = Line(failing=0)
    with pytest.raises(ValueError, match="0"):
        list(results_in_turn(line.sent(3)))
    assert line.steps == ["send 0", "send 1", "wait 0", "wait 1"]


@pytest.mark.parametrize("count", [0, 1])
def test_few_or_none_are_waited_for_as_well(count: int) -> None:
    assert list(results_in_turn(Line().sent(count))) == [*range(count)]
