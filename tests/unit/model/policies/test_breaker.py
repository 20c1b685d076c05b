"""When a circuit breaker opens, and what it lets through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mission_control.errors import InvalidTaskError
from mission_control.model.definitions.task import TaskDefinition, parse_task
from mission_control.model.policies.misfire import Decision, Fire, Skip
from mission_control.model.policies.pause import PauseLayer, only_probe, opened, probing

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def task(**fields: Any) -> TaskDefinition:
    schedule = {"type": "interval", "hours": 1}
    return parse_task({"id": "a", "handler": "handlers.x.run", "schedule": schedule, **fields})


def breaker(failures: int) -> PauseLayer | None:
    waits = task().probe_after
    return opened("a", failures, after=3, probe_after=waits, last_failed="a@1", now=T0)


@pytest.mark.parametrize(
    ("failures", "hours"), [(0, None), (2, None), (3, 1), (4, 4), (5, 24), (6, 24), (1_000, 24)]
)
def test_breaker_opens_for_longer_with_each_failed_probe(failures: int, hours: int | None) -> None:
    layer = breaker(failures)
    assert (None if layer is None else layer.until) == (None if hours is None else T0 + hours * HOUR)


def test_breaker_that_has_sent_a_probe_waits_as_long_again() -> None:
    layer = breaker(4)
    assert layer is not None
    assert probing(layer, task().probe_after, T0 + 5 * HOUR).until == T0 + 9 * HOUR
    assert layer.is_current(T0 + 99 * HOUR)


def test_newest_of_several_due_occurrences_is_the_probe() -> None:
    layer = breaker(3)
    assert layer is not None
    decision = only_probe(Decision((Fire(T0), Fire(T0 + HOUR, is_catch_up=True)), 1.0), layer)
    assert decision.actions == (
        Skip(T0, layer.words(), layer.cause()),
        Fire(T0 + HOUR, is_catch_up=True),
    )


def test_times_of_probes_are_read_as_seconds_or_as_text_with_a_unit() -> None:
    assert task(probe_after=["90s", "5m", "1.5h", "7d", 60, 0.5]).probe_after == (
        *(90, 300, 5_400, 604_800, 60, 0.5),
    )


@pytest.mark.parametrize("wrong", [[], ["soon"], ["0s"], [-1], ["99999d"], "1h", [None], [True]])
def test_wrong_times_of_probes_are_refused(wrong: object) -> None:
    with pytest.raises(InvalidTaskError, match="probe_after"):
        task(probe_after=wrong)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "3", 1_000_001])
def test_wrong_numbers_of_failures_are_refused(wrong: object) -> None:
    with pytest.raises(InvalidTaskError, match="pause_after_failures"):
        task(pause_after_failures=wrong)
