from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mission_control.processes.keeper import restart_delay

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(("count", "seconds"), [(1, 0.5), (2, 1.0), (3, 2.0), (5, 8.0)])
def test_service_that_dies_again_within_a_minute_waits_twice_as_long(count: int, seconds: float) -> None:
    assert restart_delay([NOON] * count) == timedelta(seconds=seconds)


def test_service_that_keeps_dying_is_not_restarted() -> None:
    assert restart_delay([NOON] * 6) is None


def test_service_that_died_long_ago_restarts_without_extra_delay() -> None:
    ends = [NOON - timedelta(minutes=2)] * 20
    assert restart_delay([*ends, NOON]) == timedelta(seconds=0.5)
