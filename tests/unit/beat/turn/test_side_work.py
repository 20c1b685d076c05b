"""What beat does beside firing: a step that fails is told, left for a while, and stops nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from beat.turn.side_work import LEFT_FOR_SECONDS, SideWork

if TYPE_CHECKING:
    from collections.abc import Callable


class Step:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.times = 0

    def __call__(self) -> int:
        self.times += 1
        if self.error is not None:
            raise self.error
        return 3


def test_a_step_that_fails_is_told_with_its_traceback_and_left_for_a_while(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    clock: Callable[[], float] = lambda: now  # noqa: E731
    monkeypatch.setattr("beat.turn.side_work.time.monotonic", clock)
    do, broken, sound = SideWork(), Step(RuntimeError("what is this?")), Step()
    assert [do("broken", broken), do("broken", broken), do("sound", sound)] == [0, 0, 3]
    assert broken.times == 1
    assert "what is this?" in caplog.text
    assert "Traceback" in caplog.text
    now = LEFT_FOR_SECONDS
    do("broken", broken)
    assert broken.times == 2


@pytest.mark.parametrize("error", [RedisConnectionError("gone"), ResponseError("WRONGTYPE Operation")])
def test_what_concerns_firing_as_well_is_raised(error: Exception) -> None:
    with pytest.raises(type(error)):
        SideWork()("step", Step(error))
