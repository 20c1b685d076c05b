"""Work other than firing: a failed step is logged, left for a while, and stops nothing."""

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


def test_failed_step_is_logged_with_its_traceback_and_left_for_a_while(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    clock: Callable[[], float] = lambda: now  # noqa: E731
    monkeypatch.setattr("beat.turn.side_work.time.monotonic", clock)
    do, broken, sound = SideWork(unexpected), Step(RuntimeError("what is this?")), Step()
    assert [do("broken", broken), do("broken", broken), do("sound", sound)] == [0, 0, 3]
    assert broken.times == 1
    assert "what is this?" in caplog.text
    assert "Traceback" in caplog.text
    now = LEFT_FOR_SECONDS
    do("broken", broken)
    assert broken.times == 2


def test_redis_failure_is_raised() -> None:
    with pytest.raises(RedisConnectionError):
        SideWork(unexpected)("step", Step(RedisConnectionError("gone")))


def test_step_with_a_pace_is_done_again_after_it_and_at_once_after_a_redis_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("beat.turn.side_work.time.monotonic", lambda: now)
    do, step = SideWork(unexpected), Step(RedisConnectionError("gone"))
    with pytest.raises(RedisConnectionError):
        do("step", step, every=5.0)
    step.error = None
    assert [do("step", step, every=5.0), do("step", step, every=5.0)] == [3, 0]
    now += 5.0
    assert do("step", step, every=5.0) == 3


def test_key_of_wrong_type_is_reported_and_its_step_left_for_a_while() -> None:
    reports: list[str] = []
    do, broken = SideWork(lambda: reports.append("wrong")), Step(ResponseError("WRONGTYPE Operation"))
    assert [do("broken", broken), do("broken", broken)] == [0, 0]
    assert (broken.times, reports) == (1, ["wrong"])


def unexpected() -> None:
    raise AssertionError
