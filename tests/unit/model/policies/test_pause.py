"""What a pause keeps from running."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mission_control.model.definitions.task import parse_task
from mission_control.model.policies.misfire import Decision, Fire, Miss, Skip
from mission_control.model.policies.pause import (
    PauseKind,
    PauseLayer,
    TaskFacts,
    cause_of,
    kept_back,
    to_catch_up,
)
from mission_control.model.runs.cause import Cause

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TASK = TaskFacts("a", "ada", ("nightly", "slow"), "reports", "handlers.x.run")


def layer(kind: PauseKind = PauseKind.TASK, value: str = "a", **fields: Any) -> PauseLayer:
    return PauseLayer(kind, value, **{"since": T0, "who": "ada", **fields})


@pytest.mark.parametrize(
    ("kind", "value", "other"),
    [
        (PauseKind.ALL, "", None),
        (PauseKind.TASK, "a", "b"),
        (PauseKind.OWNER, "ada", "bob"),
        (PauseKind.TAG, "slow", "daily"),
        (PauseKind.QUEUE, "reports", "default"),
        (PauseKind.HANDLER, "handlers.x.run", "handlers.y.run"),
    ],
)
def test_layer_selects_tasks_by_its_kind(kind: PauseKind, value: str, other: str | None) -> None:
    assert layer(kind, value).selects(TASK)
    assert other is None or not layer(kind, other).selects(TASK)


def test_layer_holds_from_its_beginning_until_its_end() -> None:
    moments = (T0 - MINUTE, T0, T0 + MINUTE)
    assert [layer().holds(at) for at in moments] == [False, True, True]
    assert [layer(until=T0 + MINUTE).holds(at) for at in moments] == [False, True, False]


def test_of_several_layers_the_one_that_holds_longest_is_the_cause() -> None:
    short, long = layer(until=T0 + MINUTE), layer(PauseKind.TAG, "slow", until=T0 + 2 * MINUTE)
    forever, everything = layer(PauseKind.OWNER, "ada"), layer(PauseKind.ALL, "")
    assert cause_of([short, long], T0, T0) is long
    assert cause_of([long, forever], T0, T0) is forever
    assert cause_of([forever, everything], T0, T0) is everything


@pytest.mark.parametrize("fields", [{}, {"until": T0 + MINUTE, "reason": "näh", "is_over": True}])
def test_layer_is_read_as_it_was_written(fields: dict[str, Any]) -> None:
    assert PauseLayer.from_json(layer(**fields).to_json()) == layer(**fields)


def test_kept_back_occurrence_is_skipped_with_layer_who_why_and_until() -> None:
    task = parse_task({"id": "a", "handler": "handlers.x.run", "schedule": {"type": "interval", "hours": 1}})
    pause = layer(PauseKind.TAG, "slow", until=T0 + MINUTE, reason="the API is down")
    missed = Miss(T0 - MINUTE, "no beat")
    decision = kept_back(task, Decision((missed, Fire(T0)), 1.0), lambda _: pause, T0)
    words = "paused (tag:slow) by ada at 2026-03-02T09:00:00Z until 2026-03-02T09:01:00Z: the API is down"
    cause = Cause("paused", layer="tag:slow")
    assert decision == Decision((missed, Skip(T0, words, cause)), 1.0)
    assert kept_back(task, Decision((Fire(T0),), 1.0), lambda _: None, T0).actions == (Fire(T0),)


def test_paused_fixed_delay_is_due_again_a_delay_from_now() -> None:
    schedule = {"type": "interval", "minutes": 5, "measure_from": "finish"}
    task = parse_task({"id": "a", "handler": "handlers.x.run", "schedule": schedule})
    decision = kept_back(task, Decision((Fire(T0),), None), lambda _: layer(), T0 + MINUTE)
    assert decision.next_due == (T0 + 6 * MINUTE).timestamp()


@pytest.mark.parametrize(
    ("misfire", "caught_up"),
    [({"policy": "latest"}, 1), ({"policy": "all", "max_catch_up": 3}, 3), ({"policy": "skip"}, 0)],
)
def test_misfire_policy_says_what_a_pause_kept_back_runs_after_all(
    misfire: dict[str, Any], caught_up: int
) -> None:
    schedule = {"type": "interval", "hours": 1}
    fields = {"handler": "handlers.x.run", "schedule": schedule, "misfire": {**misfire, "grace_seconds": 300}}
    skipped = [T0 - minutes * MINUTE for minutes in (0, 1, 2, 5, 6)]
    found = to_catch_up(parse_task({"id": "a", **fields}), skipped, T0)
    assert found == sorted(skipped[:caught_up])
    in_time = to_catch_up(parse_task({"id": "a", **fields}), skipped[3:], T0)
    assert in_time == skipped[3 : 3 + min(caught_up, 1)]
