from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mission_control.model.definitions.task import TaskDefinition, parse_task
from mission_control.model.policies.misfire import MOST_AT_ONCE, MOST_RECORDED, Decision, Fire, Miss, decide

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)


def task(schedule: dict[str, Any] | None = None, **fields: Any) -> TaskDefinition:
    every_hour = {"type": "interval", "hours": 1}
    chosen = every_hour if schedule is None else schedule
    return parse_task({"id": "a", "handler": "handlers.x.run", "schedule": chosen, **fields})


def decided(one: TaskDefinition, late: timedelta) -> Decision:
    return decide(one, T0.timestamp(), T0 + late)


def shape(decision: Decision) -> str:
    """Return F for what fires, C for what is caught up, - for what is missed, oldest first."""
    return "".join(
        ("C" if action.is_catch_up else "F") if isinstance(action, Fire) else "-"
        for action in decision.actions
    )


def misfire(**policy: Any) -> dict[str, Any]:
    return {"misfire": {"grace_seconds": 86_400, **policy}}


@pytest.mark.parametrize(
    ("late", "fields", "expected"),
    [
        (timedelta(0), {}, "F"),
        (timedelta(seconds=30), {}, "F"),
        (timedelta(seconds=31), {}, "C"),
        (timedelta(seconds=31), misfire(policy="skip"), "-"),
        (timedelta(seconds=29), misfire(policy="skip"), "F"),
        (timedelta(seconds=31), misfire(grace_seconds=0), "-"),
        (timedelta(seconds=29), misfire(grace_seconds=0), "F"),
        (timedelta(minutes=10), misfire(grace_seconds=599), "-"),
        (timedelta(minutes=10), misfire(grace_seconds=600), "C"),
        (timedelta(hours=3), {}, "---F"),
        (timedelta(hours=3, minutes=1), {}, "---C"),
        (timedelta(hours=3, minutes=1), misfire(policy="all"), "CCCC"),
        (timedelta(hours=3), misfire(policy="all"), "CCCF"),
        (timedelta(hours=3, minutes=1), misfire(policy="all", max_catch_up=2), "--CC"),
        (timedelta(hours=3, minutes=1), misfire(policy="all", max_catch_up=1), "---C"),
        (timedelta(hours=3, minutes=1), misfire(policy="all", max_catch_up=0), "----"),
        (timedelta(hours=3, minutes=1), misfire(policy="all", grace_seconds=7_200), "--CC"),
        (timedelta(hours=3, minutes=1), misfire(policy="skip"), "----"),
        (timedelta(hours=3), misfire(policy="skip"), "---F"),
    ],
)
def test_late_occurrences_fire_or_are_missed_by_the_policy(
    late: timedelta, fields: dict[str, Any], expected: str
) -> None:
    decision = decided(task(**fields), late)
    assert shape(decision) == expected
    times = [action.scheduled_time for action in decision.actions]
    assert times == [T0 + at * timedelta(hours=1) for at in range(len(expected))]
    assert decision.next_due == (T0 + timedelta(hours=len(expected))).timestamp()
    assert all(action.reason for action in decision.actions if isinstance(action, Miss))


def all_decisions(one: TaskDefinition, now: datetime) -> list[Decision]:
    """Return every decision that a backlog takes, each at the instant the one before has named."""
    decisions, due = [], T0.timestamp()
    while due <= now.timestamp():
        decisions.append(decide(one, due, now))
        following = decisions[-1].next_due
        assert following is not None
        assert following > due
        due = following
    return decisions


@pytest.mark.parametrize(
    ("policy", "runs"),
    [
        ({"policy": "latest"}, 1),
        ({"policy": "skip"}, 0),
        ({"policy": "all"}, 100),
        ({"policy": "all", "max_catch_up": 0}, 0),
        ({"policy": "all", "max_catch_up": MOST_AT_ONCE}, MOST_AT_ONCE),
        ({"policy": "all", "max_catch_up": 1_100}, 1_100),
    ],
)
def test_long_backlog_is_decided_in_steps_one_by_one(policy: dict[str, Any], runs: int) -> None:
    one, hours = task(**misfire(**policy, grace_seconds=10**8)), 3 * MOST_AT_ONCE + 20
    decisions = all_decisions(one, T0 + timedelta(hours=hours, minutes=1))

    assert max(len(decision.actions) for decision in decisions) == MOST_AT_ONCE
    everything = [action for decision in decisions for action in decision.actions]
    assert [action.scheduled_time for action in everything] == [
        T0 + at * timedelta(hours=1) for at in range(hours + 1)
    ]
    fired = [action for action in everything if isinstance(action, Fire)]
    assert len(fired) == runs
    assert everything[hours + 1 - len(fired) :] == fired


def test_backlog_that_ends_on_time_runs_only_its_newest() -> None:
    every_second = task({"type": "interval", "seconds": 1})
    decisions = all_decisions(every_second, T0 + timedelta(seconds=MOST_AT_ONCE + 10))
    shapes = "".join(shape(decision) for decision in decisions)
    assert shapes == "-" * (MOST_AT_ONCE + 10) + "F"


def test_large_backlog_is_caught_up_to_the_limit_of_the_task() -> None:
    every_second = {"type": "interval", "seconds": 1}
    one = task(every_second, **misfire(policy="all", max_catch_up=2_000))
    decisions = all_decisions(one, T0 + timedelta(seconds=5_000))
    fired = sum(shape(decision).count("C") + shape(decision).count("F") for decision in decisions)
    assert 2_000 - 60 <= fired <= 2_000


def test_oldest_of_an_endless_backlog_are_missed_as_one() -> None:
    now = T0 + timedelta(hours=3 * MOST_RECORDED, minutes=1)
    decision = decide(task(), T0.timestamp(), now)

    assert [action.scheduled_time for action in decision.actions] == [T0]
    assert decision.next_due is not None
    following = datetime.fromtimestamp(decision.next_due, UTC)
    assert isinstance(decision.actions[0], Miss)
    assert following.isoformat() in decision.actions[0].reason
    assert (now - following) // timedelta(hours=1) + 1 == MOST_RECORDED
    assert len(decide(task(), decision.next_due, now).actions) == MOST_AT_ONCE


def test_endless_backlog_keeps_all_that_may_run() -> None:
    one = task(**misfire(policy="all", max_catch_up=10_000, grace_seconds=10**9 // 4))
    following = decide(one, T0.timestamp(), T0 + timedelta(hours=50_000)).next_due
    assert following is not None
    # The newest is on time, and no catch-up.
    assert (T0 + timedelta(hours=50_000)).timestamp() - following == 10_000 * 3_600


@pytest.mark.parametrize("minutes", [1, 20, 59])
def test_due_instant_that_is_no_occurrence_fires_nothing_and_leads_to_the_next(minutes: int) -> None:
    moment = T0 + timedelta(minutes=minutes)
    following = (T0 + timedelta(hours=1)).timestamp()
    assert decide(task(), moment.timestamp(), moment) == Decision((), following)


def test_rounded_due_instant_means_its_occurrence() -> None:
    due = T0.timestamp() + 0.0004
    decision = decide(task(), due, T0 + timedelta(seconds=1))
    assert decision == Decision((Fire(T0),), (T0 + timedelta(hours=1)).timestamp())


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"policy": "latest"}, "-" * 20 + "F"),
        ({"policy": "skip"}, "-" * 20 + "F"),
        ({"policy": "all"}, "C" * 20 + "F"),
        ({"policy": "all", "max_catch_up": 3}, "-" * 17 + "CCC" + "F"),
        ({"policy": "all", "max_catch_up": 0}, "-" * 20 + "F"),
        ({"policy": "all", "grace_seconds": 4}, "-" * 16 + "CCCC" + "F"),
    ],
)
def test_gap_of_seconds_with_many_occurrences_follows_the_policy(
    policy: dict[str, Any], expected: str
) -> None:
    every_second = task({"type": "interval", "seconds": 1}, **misfire(**policy))
    decision = decided(every_second, timedelta(seconds=20))
    assert shape(decision) == expected
    reasons = [action.reason for action in decision.actions if isinstance(action, Miss)]
    assert all("grace_seconds=4" in reason or "grace_seconds" not in reason for reason in reasons)


def test_spread_moves_the_due_instant_not_the_scheduled_time() -> None:
    spread = timedelta(seconds=7)
    decision = decide(task(), (T0 + spread).timestamp(), T0 + spread, spread=spread)
    assert decision == Decision((Fire(T0),), (T0 + timedelta(hours=1) + spread).timestamp())


def test_task_with_a_fixed_delay_is_due_again_only_when_its_run_has_ended() -> None:
    delay = {"type": "interval", "minutes": 5, "measure_from": "finish"}
    assert decided(task(delay), timedelta(days=3)) == Decision((Fire(T0),), None)


def test_disabled_task_leaves_the_schedule_and_fires_nothing() -> None:
    assert decided(task(enabled=False), timedelta(0)) == Decision((), None)


def test_fraction_of_a_second_is_exact() -> None:
    one = task({"type": "interval", "seconds": 0.25})
    due = T0 + timedelta(milliseconds=250)
    decision = decide(one, due.timestamp(), due)
    assert decision == Decision((Fire(due),), (T0 + timedelta(milliseconds=500)).timestamp())


def test_last_occurrence_has_no_next_due_instant() -> None:
    assert decided(task({"type": "once", "at": "2026-03-02T09:00:00"}), timedelta(0)).next_due is None
