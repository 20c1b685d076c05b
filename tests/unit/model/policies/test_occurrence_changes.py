"""What skipped and moved occurrences make of a decision, without beat."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mission_control.model.definitions.task import TaskDefinition, parse_task
from mission_control.model.policies.due_decision import due_with, with_changes, written_back
from mission_control.model.policies.misfire import Decision, Fire, Miss, Skip, decide_moved, withheld
from mission_control.model.runs.cause import Cause
from mission_control.model.runs.changed_occurrence import ChangedOccurrence

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NO_SPREAD = timedelta(0)
DELAY = {"type": "interval", "hours": 1, "measure_from": "finish"}


def task(**fields: Any) -> TaskDefinition:
    schedule = {"type": "interval", "hours": 1}
    return parse_task({"id": "a", "handler": "handlers.x.run", "schedule": schedule, **fields})


def change(at: datetime = NINE, **fields: Any) -> ChangedOccurrence:
    return ChangedOccurrence("a", at, since=NINE - HOUR, who="ada", **fields)


def decided(*changes: ChangedOccurrence, now: datetime = NINE, of: TaskDefinition | None = None) -> Decision:
    due = Decision((Fire(NINE),), (NINE + HOUR).timestamp())
    return with_changes(of if of is not None else task(), due, changes, now, NO_SPREAD)


def test_skipped_occurrence_is_no_longer_fired_and_its_change_is_applied() -> None:
    skipped = change(is_skipped=True)
    found = decided(skipped)
    assert found.actions == (Skip(NINE, skipped.words(), Cause("skipped_by_hand")),)
    assert (found.next_due, found.applied) == ((NINE + HOUR).timestamp(), (skipped,))


def test_moved_occurrence_waits_for_its_time_and_the_task_is_due_then() -> None:
    moved = change(to=NINE + 30 * MINUTE)
    found = decided(moved)
    assert (found.actions, found.applied) == ((), ())
    assert found.next_due == (NINE + 30 * MINUTE).timestamp()
    at_last = decided(moved, now=NINE + 30 * MINUTE)
    assert at_last.actions == (Fire(NINE, moved_to=NINE + 30 * MINUTE),)
    assert at_last.applied == (moved,)


def test_occurrence_that_ran_before_its_own_time_does_not_run_then() -> None:
    over = change(to=NINE - MINUTE, is_over=True)
    found = decided(over)
    assert (found.actions, found.applied) == ((), (over,))
    assert decided(replace(over, at=NINE + HOUR)).applied == ()


def test_other_occurrences_and_disabled_tasks_are_left_alone() -> None:
    other = change(NINE + HOUR, is_skipped=True)
    assert decided(other).actions == (Fire(NINE),)
    assert decided(change(is_skipped=True), of=task(enabled=False)).actions == (Fire(NINE),)
    many = Miss(NINE, "all of them", stands_for_others=True)
    kept = with_changes(task(), Decision((many,), None), (change(is_skipped=True),), NINE, NO_SPREAD)
    assert many in kept.actions


def test_change_of_an_occurrence_that_is_gone_is_a_skip_only_if_it_was_moved() -> None:
    gone = NINE - 30 * MINUTE
    found = decided(change(gone, to=NINE))
    assert isinstance(found.actions[0], Skip)
    assert found.actions[0].reason.endswith("its schedule no longer has this occurrence")
    assert found.actions[1:] == (Fire(NINE),)
    found = decided(change(gone, is_skipped=True))
    assert found.actions == (Fire(NINE),)
    assert isinstance(decided(change(gone, to=NINE, is_skipped=True)).actions[0], Skip)


def test_fixed_delay_is_counted_from_now_after_a_skip() -> None:
    skipped = change(is_skipped=True)
    assert decided(skipped, of=task(schedule=DELAY)).next_due == (NINE + HOUR).timestamp()
    found = decided(skipped, of=task(schedule=DELAY), now=NINE + MINUTE)
    assert found.next_due == (NINE + HOUR + MINUTE).timestamp()


def test_spread_puts_off_a_moved_occurrence() -> None:
    moved = change(to=NINE + 30 * MINUTE)
    assert due_with(None, [moved], MINUTE) == (NINE + 31 * MINUTE).timestamp()
    assert due_with(5.0, [moved], MINUTE) == 5.0
    assert due_with(None, [change(is_skipped=True), replace(moved, is_over=True)], MINUTE) is None
    early = with_changes(task(), Decision((), None), [moved], NINE + 30 * MINUTE, MINUTE)
    assert early.actions == ()


def test_applied_change_is_kept_until_its_own_time_if_it_ran_before() -> None:
    early = change(NINE + HOUR, to=NINE)
    name, text = written_back(early, NINE)
    assert (name, ChangedOccurrence.from_json(text)) == (early.name, replace(early, is_over=True))
    for over in (change(to=NINE + HOUR), change(is_skipped=True), replace(early, is_over=True)):
        assert written_back(over, NINE + HOUR) == (over.name, "")


@pytest.mark.parametrize(
    ("policy", "late", "action"),
    [
        ("latest", timedelta(0), "Fire"),
        ("latest", timedelta(seconds=30), "Fire"),
        ("skip", timedelta(seconds=30), "Fire"),
        ("skip", timedelta(seconds=31), "Miss"),
        ("latest", 25 * MINUTE, "Fire"),  # no other occurrence was due since
        ("latest", 30 * MINUTE, "Miss"),
        ("all", 30 * MINUTE, "Fire"),
    ],
)
def test_moved_occurrence_is_late_by_its_new_time(policy: str, late: timedelta, action: str) -> None:
    to = NINE + 30 * MINUTE
    found = decide_moved(task(misfire={"policy": policy}), NINE, to, to + late)
    assert type(found).__name__ == action
    if isinstance(found, Fire):
        assert (found.due, found.scheduled_time) == (to, NINE)
        assert found.is_catch_up is (late > timedelta(seconds=30))
    assert Fire(NINE).due == NINE


def test_occurrence_is_withheld_with_its_reason_and_a_fixed_delay_goes_on() -> None:
    due = Decision((Fire(NINE),), 7.0)
    assert withheld(task(), due, NINE, "full") == Decision((Miss(NINE, "full"),), 7.0)
    later = withheld(task(schedule=DELAY), due, NINE, "full", Cause("paused"), Skip)
    assert later == Decision((Skip(NINE, "full", Cause("paused")),), (NINE + HOUR).timestamp())


@pytest.mark.parametrize(
    ("policy", "late", "reason"),
    [
        ("skip", timedelta(seconds=45.25), "misfire policy skip: not fired for 45.2 s"),
        ("skip", MINUTE, "misfire policy skip: not fired for 0:01:00"),
        ("latest", 30 * MINUTE, "misfire policy latest: a later occurrence was due"),
        ("all", 25 * HOUR, "noticed 1 day, 1:00:00 late, past grace_seconds=86400"),
    ],
)
def test_missed_occurrence_says_how_late_it_was_and_by_which_policy(
    policy: str, late: timedelta, reason: str
) -> None:
    to = NINE + 30 * MINUTE
    found = decide_moved(task(misfire={"policy": policy}), NINE, to, to + late)
    assert isinstance(found, Miss)
    assert found.reason == reason
