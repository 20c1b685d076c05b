"""Occurrences that fell due while no beat ran, of tasks that were changed before one came back."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.audit.stream.reader import read_all
from mission_control.model.values.instants import format_instant
from mission_control.store import redis_keys
from tests.processes.beats import leading_beat
from tests.processes.minutely import MINUTE, NINE, Day
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from mission_control.installation.installation import Installation
    from mission_control.registry.registry import Registry
    from tests.stage.servers import RedisServer

HOURLY = {"type": "cron", "expression": "0 * * * *"}
CHANGES: dict[str, tuple[str, Callable[[Registry], object]]] = {
    "its schedule is changed": ("changed", lambda registry: registry.update("a", {"schedule": HOURLY})),
    "it is disabled": ("changed", lambda registry: registry.disable("a")),
    "it is removed": ("removed", lambda registry: registry.unregister("a")),
}


@pytest.fixture
def day(redis_server: RedisServer, tmp_path: Path) -> Day:
    with redis_server.client() as client:
        client.flushall()
    return Day(redis_server.url, tmp_path)


def come_back(day: Day, minutes: float) -> None:
    """Have a beat come back, so many minutes after nine, and record what it finds."""
    day.leave(minutes)
    while day.beat._overtaken.record():
        pass
    day.beat._unfired_records.write(most=None)


def missed(day: Day) -> dict[str, str]:
    """Return the reasons of missed occurrences, by the ids in the audit stream."""
    records = read_all(day.ours.audit.path)
    return {one["execution_id"]: one["reason"] for one in records if one["status"] == "missed"}


@pytest.mark.parametrize("change", CHANGES)
def test_occurrences_of_a_task_that_is_overdue_when_it_changes_are_missed_because_of_it(
    day: Day, change: str
) -> None:
    day.to(2)
    what, make = CHANGES[change]
    day.now = NINE + 5.5 * MINUTE
    make(day.ours.registry)
    come_back(day, 7.5)
    reason = f"the task was {what} at 2026-03-02T09:05:30Z, and no beat had fired this occurrence"
    assert missed(day) == {f"a@20260302T090{minute}00Z": reason for minute in (3, 4, 5)}
    assert day.states()[2:] == "MMM"
    assert not day.ours.client.exists(redis_keys.OVERTAKEN)


def test_each_change_overtakes_what_fell_due_under_the_definition_before_it(day: Day) -> None:
    day.now = NINE + 2.5 * MINUTE
    day.ours.registry.update("a", {"schedule": {"type": "interval", "minutes": 2}})
    day.now = NINE + 6.5 * MINUTE
    day.ours.registry.disable("a")
    day.ours.registry.enable("a")
    come_back(day, 7.5)
    assert sorted(missed(day)) == [f"a@20260302T090{minute}00Z" for minute in (1, 2, 4, 6)]


def test_change_of_a_task_that_is_not_overdue_or_not_of_its_times_overtakes_nothing(day: Day) -> None:
    day.to(2)
    day.ours.registry.update("a", {"schedule": HOURLY})
    day.register("b")
    day.now = NINE + 3.5 * MINUTE
    day.ours.registry.update("b", {"params": {"n": 1}})
    assert not day.ours.client.exists(redis_keys.OVERTAKEN)


def test_what_is_noted_twice_or_cannot_be_read_keeps_nothing_from_being_recorded(day: Day) -> None:
    day.now = NINE + 2.5 * MINUTE
    day.ours.registry.disable("a")
    note = day.ours.client.lindex(redis_keys.OVERTAKEN, 0)
    day.ours.client.rpush(redis_keys.OVERTAKEN, "oops", str(note))
    come_back(day, 3)
    assert sorted(missed(day)) == ["a@20260302T090100Z", "a@20260302T090200Z"]
    assert (day.states(), day.ours.client.exists(redis_keys.OVERTAKEN)) == ("MM", 0)


@pytest.mark.parametrize("change", CHANGES)
def test_moved_and_skipped_occurrences_of_an_overdue_task_leave_one_record_each_when_it_changes(
    day: Day, change: str
) -> None:
    day.to(2)
    for minute, to in ((3, 4.5), (20, 5.25), (4, 30.5)):
        day.occurrences.move("a", at(minute), at(to))
    day.occurrences.skip("a", at(5))
    day.now = at(5.5)
    CHANGES[change][1](day.ours.registry)
    come_back(day, 7.5)
    left = {3, 20} if change != "it is removed" else {3, 4, 20}  # the fourth is to come at its new time
    assert missed(day).keys() == {id_of(minute) for minute in left}
    day.ours.registry.enable("a")
    day.to(31)
    assert {id_of(minute): 1 for minute in {*left, 5}}.items() <= finals(day).items()
    assert day.ours.ledger.get(id_of(4)) is not None


def test_occurrence_whose_new_time_came_while_its_task_was_disabled_is_missed_once_it_is_enabled(
    day: Day,
) -> None:
    day.occurrences.move("a", at(1), at(4.5))
    day.occurrences.move("a", at(9), at(4.25))
    day.to(2)
    day.ours.registry.disable("a")
    day.to(6)
    assert finals(day) == {id_of(2): 1}  # cancelled, as it had not begun
    day.ours.registry.enable("a")
    come_back(day, 6.5)
    assert missed(day) == {
        id_of(1): "the task was changed at 2026-03-02T09:06:00Z, and it had been disabled before"
    }
    day.to(10)
    assert day.states() == "MCDDDD"  # the one of nine minutes past is due at its own time again


def test_occurrence_that_waits_for_its_new_time_is_missed_when_its_task_is_removed(day: Day) -> None:
    day.occurrences.move("a", at(1), at(30.5))
    day.to(2)
    day.ours.registry.unregister("a")
    come_back(day, 3)
    (reason,) = missed(day).values()
    assert reason.endswith("; the task was removed before its new time")


def test_what_fell_due_in_quarantine_is_missed_when_the_schedule_changes(day: Day) -> None:
    day.occurrences.move("a", at(9), at(2.5))
    day.to(1)
    text = day.ours.client.hget("redbeat:a", "task")
    day.ours.client.hset("redbeat:a", "task", "oops")
    day.to(4)
    day.ours.client.hset("redbeat:a", "task", str(text))
    day.ours.registry.update("a", {"schedule": {"type": "interval", "minutes": 3}})
    come_back(day, 5)
    assert missed(day).keys() == {id_of(minute) for minute in (2, 3, 4, 9)}


def at(minutes: float) -> datetime:
    return NINE + minutes * MINUTE


def id_of(minute: int) -> str:
    return f"a@20260302T09{minute:02}00Z"


def finals(day: Day) -> dict[str, int]:
    """Return how many final records each run has."""
    if not day.ours.audit.path.exists():
        return {}
    return dict(Counter(one["execution_id"] for one in read_all(day.ours.audit.path) if one["final"]))


def test_beat_records_what_a_change_has_overtaken_before_it_came(installation: Installation) -> None:
    last = installation.clock() - timedelta(minutes=30)  # the next is as far away
    hourly = {"type": "interval", "hours": 1, "anchor": format_instant(last)}
    assert installation.registry.register({"id": "a", "handler": "handlers.hello.run", "schedule": hourly})
    due = (last - timedelta(hours=5)).timestamp()
    installation.client.hset("redbeat:a", "due", due)
    installation.client.zadd("redbeat::schedule", {"redbeat:a": due})
    installation.registry.disable("a")
    with leading_beat(installation):
        wait_until(lambda: len(missed_ids(installation)) == 6, "all are recorded")
    assert len(installation.ledger.runs_of("a")) == 6


def missed_ids(installation: Installation) -> list[str]:
    path = installation.settings.task_execution_log
    return [one["execution_id"] for one in (read_all(path) if path.exists() else [])]
