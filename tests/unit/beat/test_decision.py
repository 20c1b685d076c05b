from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from beat.decision import MOST_LISTED, MOST_RECORDED, Decision, Fire, Miss, decide
from mission_control.definitions.task import TaskDefinition, parse_task

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)


def task(schedule: dict[str, Any] | None = None, **fields: Any) -> TaskDefinition:
    every_hour = {"type": "interval", "hours": 1}
    chosen = every_hour if schedule is None else schedule
    return parse_task({"id": "a", "handler": "handlers.x.run", "schedule": chosen, **fields})


def decided(one: TaskDefinition, late: timedelta, **options: Any) -> Decision:
    return decide(one, T0.timestamp(), T0 + late, **options)


def shape(decision: Decision) -> str:
    """Return F for what fires, C for what is caught up, - for what is missed, oldest first."""
    return "".join(
        "-" if isinstance(action, Miss) else "C" if action.is_catch_up else "F" for action in decision.actions
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
def test_what_becomes_of_occurrences_that_nobody_fired_in_time(
    late: timedelta, fields: dict[str, Any], expected: str
) -> None:
    decision = decided(task(**fields), late)
    assert shape(decision) == expected
    times = [action.scheduled_time for action in decision.actions]
    assert times == [T0 + at * timedelta(hours=1) for at in range(len(expected))]
    assert decision.next_due == (T0 + timedelta(hours=len(expected))).timestamp()
    assert all(action.reason for action in decision.actions if isinstance(action, Miss))


@pytest.mark.parametrize("policy", ["latest", "all", "skip"])
def test_a_long_backlog_is_missed_one_by_one_in_several_decisions(policy: str) -> None:
    one, hours = task(**misfire(policy=policy, grace_seconds=10**8)), 2 * MOST_LISTED + 500
    now = T0 + timedelta(hours=hours, minutes=1)
    actions, due = [], T0.timestamp()
    while due <= now.timestamp():
        decision = decide(one, due, now)
        assert decision.next_due is not None
        assert decision.next_due > due
        due = decision.next_due
        actions.append(decision.actions)

    assert [len(some) for some in actions] == [MOST_LISTED, 501, MOST_LISTED]
    everything = [action for some in actions for action in some]
    assert [action.scheduled_time for action in everything] == [
        T0 + at * timedelta(hours=1) for at in range(hours + 1)
    ]
    fired = [action for action in everything if isinstance(action, Fire)]
    assert len(fired) == {"latest": 1, "all": 100, "skip": 0}[policy]
    assert everything[hours + 1 - len(fired) :] == fired


def test_of_an_endless_backlog_the_oldest_are_missed_as_one() -> None:
    now = T0 + timedelta(hours=MOST_LISTED + 3 * MOST_RECORDED, minutes=1)
    decision = decide(task(), T0.timestamp(), now)

    assert [action.scheduled_time for action in decision.actions] == [T0]
    assert decision.next_due is not None
    following = datetime.fromtimestamp(decision.next_due, UTC)
    assert isinstance(decision.actions[0], Miss)
    assert following.isoformat() in decision.actions[0].reason
    assert MOST_RECORDED * 0.99 < (now - following) / timedelta(hours=1) - MOST_LISTED < MOST_RECORDED * 1.01
    after = decide(task(), decision.next_due, now)
    assert len(after.actions) == MOST_LISTED


def test_a_gap_of_a_change_of_leader_is_no_misfire() -> None:
    every_second = task({"type": "interval", "seconds": 1})
    assert shape(decided(every_second, timedelta(seconds=30))) == "F" * 31
    assert shape(decided(every_second, timedelta(seconds=31))) == "-" * 31 + "F"


def test_more_than_are_listed_can_be_caught_up_if_the_task_says_so() -> None:
    one = task(**misfire(policy="all", max_catch_up=MOST_LISTED + 200, grace_seconds=10**8))
    assert shape(decided(one, timedelta(hours=MOST_LISTED + 99, minutes=1))) == "C" * (MOST_LISTED + 100)


def test_a_spread_moves_the_due_instant_and_leaves_the_scheduled_time() -> None:
    spread = timedelta(seconds=7)
    decision = decide(task(), (T0 + spread).timestamp(), T0 + spread, spread=spread)
    assert decision == Decision((Fire(T0),), (T0 + timedelta(hours=1) + spread).timestamp())


def test_a_task_with_a_fixed_delay_is_due_again_only_when_its_run_has_ended() -> None:
    delay = {"type": "interval", "minutes": 5, "measure_from": "finish"}
    assert decided(task(delay), timedelta(days=3)) == Decision((Fire(T0),), None)


def test_a_disabled_task_leaves_the_schedule_and_fires_nothing() -> None:
    assert decided(task(enabled=False), timedelta(0)) == Decision((), None)


def test_a_fraction_of_a_second_is_exact() -> None:
    one = task({"type": "interval", "seconds": 0.25})
    due = T0 + timedelta(milliseconds=250)
    decision = decide(one, due.timestamp(), due)
    assert decision == Decision((Fire(due),), (T0 + timedelta(milliseconds=500)).timestamp())


def test_the_last_occurrence_has_none_after_it() -> None:
    assert decided(task({"type": "once", "at": "2026-03-02T09:00:00"}), timedelta(0)).next_due is None
