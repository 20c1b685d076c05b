"""Single occurrences that are skipped or moved, with beat driven by the test's clock on a real server.

This file has more than 250 lines because each way in which a change meets something else is one test of it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.audit.stream.reader import read_all
from mission_control.errors import InvalidTaskError, UnknownOccurrenceError, UnknownTaskError
from mission_control.model.policies.pause import PauseKind
from mission_control.model.runs.run_state import RunState
from mission_control.operate.next_times import upcoming
from mission_control.operate.runs import run_json
from mission_control.store import redis_keys
from tests.processes.minutely import ALL, MINUTE, NINE, Day
from tests.stage.audit_stream import final_records_of

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.model.runs.run_record import RunRecord
    from tests.stage.servers import RedisServer

HOURLY = {"type": "interval", "hours": 1}


@pytest.fixture
def day(redis_server: RedisServer, tmp_path: Path) -> Day:
    with redis_server.client() as client:
        client.flushall()
    return Day(redis_server.url, tmp_path)


def at(minute: float) -> datetime:
    return NINE + minute * MINUTE


def run_at(day: Day, minute: int, task_id: str = "a") -> RunRecord:
    run = day.ours.ledger.get(f"{task_id}@20260302T{at(minute):%H%M%S}Z")
    assert run is not None
    return run


def kept(day: Day) -> list[Any]:
    return list(day.ours.pauses.read().changed)


def test_skipped_occurrence_is_recorded_with_who_and_why_and_the_next_runs(day: Day) -> None:
    day.occurrences.skip("a", reason="maintenance")
    day.occurrences.skip("a", at(3))
    day.to(4)
    assert day.states() == "SDSD"
    record = next(one for one in final_records_of(day.ours, "a") if one["execution_id"].endswith("T090100Z"))
    who = day.ours.pauses.who
    assert record["status"] == "skipped"
    assert record["reason"] == f"skipped by hand by {who} at 2026-03-02T09:00:00Z: maintenance"
    assert record["cause"] == {"class": "skipped_by_hand"}
    assert kept(day) == []


def test_skip_next_twice_skips_two_and_unskip_gives_the_first_back(day: Day) -> None:
    assert [day.occurrences.skip("a").at for _ in range(2)] == [at(1), at(2)]
    assert day.occurrences.unskip("a").at == at(1)
    day.to(3)
    assert day.states() == "DSD"


@pytest.mark.parametrize(("to", "fired_at"), [(2.5, 2.5), (0.5, 0.5), (60.5, 60.5)])
def test_moved_occurrence_runs_once_at_its_new_time_with_its_own_id(
    day: Day, to: float, fired_at: float
) -> None:
    day.register("h", schedule={"type": "once", "at": "2026-03-02T09:01:00Z"})
    day.occurrences.move("h", None, at(to))
    day.to(fired_at - 0.5)
    assert day.states("h") == ""
    day.to(fired_at + 2)
    assert day.states("h") == "D"
    run = run_at(day, 1, "h")
    assert (run.scheduled_time, run.moved_to) == (at(1), at(to))
    assert run.dispatched_at == at(fired_at)
    day.to(65)
    assert day.states("h") == "D"
    assert kept(day) == []


def test_others_of_the_task_run_as_before_and_lateness_counts_from_the_new_time(day: Day) -> None:
    day.occurrences.move("a", at(2), at(4.5), reason="the bank is closed")
    day.to(4)
    assert day.states() == "DDD"
    day.to(6)
    assert day.states() == "DDDDDD"
    run = day.ours.ledger.begin(run_at(day, 2).execution_id, 1, worker="w", at=day.now).run
    assert run is not None
    assert run_json(run)["lateness_ms"] == 90_000
    day.ours.ledger.end(run, RunState.SUCCESS, at=day.now)


def test_moved_occurrence_is_fired_by_the_task_as_it_is_then(day: Day) -> None:
    day.occurrences.move("a", at(1), at(2.5))
    day.to(2)
    day.ours.registry.update("a", {"params": {"name": "Ada"}})
    day.to(3)
    assert run_at(day, 1).params == {"name": "Ada"}


def test_moved_and_then_skipped_occurrence_is_recorded_at_its_new_time(day: Day) -> None:
    day.occurrences.move("a", at(1), at(2.5))
    day.to(2)
    day.occurrences.skip("a", at(2.5))
    day.to(3)
    assert day.states() == "SDD"
    assert run_at(day, 1).dispatched_at == at(2.5)


def test_request_that_was_prepared_before_the_change_is_decided_again(day: Day) -> None:
    day.beat.fire_due(day.now)
    firing = day.beat._firing
    day.now = at(1) - timedelta(seconds=3)
    firing.prepare(lambda: day.now, at(1).timestamp(), lambda: False)
    day.occurrences.skip("a")
    day.now = at(1)
    assert firing.fire_prepared(lambda: day.now) == []
    day.beat.fire_due(day.now)
    assert day.states() == "S"


def test_second_beat_neither_loses_nor_doubles_what_the_first_has_fired(day: Day) -> None:
    day.occurrences.move("a", at(3), at(1.5))
    day.occurrences.skip("a", at(2))
    standby = day.new_beat()
    standby.fire_due(day.now)
    day.beat = day.new_beat()
    day.to(1.5)
    assert day.states() == "DD"
    day.ours.client.delete(redis_keys.BEAT_LEADER)
    standby._lead.take()
    day.beat = standby
    day.to(4)
    assert day.states() == "DSDD"
    assert run_at(day, 3).dispatched_at == at(1.5)


@pytest.mark.parametrize(
    ("misfire", "back_at", "states"),
    [
        ("latest", 10.4, "D"),  # on time
        ("latest", 30, "D"),  # late, and no other was due since
        ("latest", 70, "MD"),
        ("all", 70, "DD"),
        ("skip", 30, "M"),
        ("skip", 10.4, "D"),
    ],
)
def test_misfire_policy_decides_about_a_moved_occurrence_from_its_new_time(
    day: Day, misfire: str, back_at: float, states: str
) -> None:
    day.register("h", schedule={**HOURLY, "anchor": "2026-03-02T09:05:00Z"}, misfire={"policy": misfire})
    day.occurrences.move("h", at(5), at(10))
    day.leave(back_at)
    assert day.states("h") == states


def test_moved_occurrence_that_was_missed_before_its_own_time_is_recorded_once(day: Day) -> None:
    day.register("h", schedule=HOURLY, misfire={"policy": "skip"})
    day.occurrences.move("h", at(60), at(50))
    day.leave(70)
    assert day.states("h") == "M"
    assert [one["status"] for one in final_records_of(day.ours, "h")] == ["missed"]


def test_occurrence_that_ran_before_its_own_time_is_no_longer_to_come(day: Day) -> None:
    day.register("h", schedule=HOURLY)
    day.occurrences.move("h", at(60), at(5))
    day.to(6)
    assert day.states("h") == "D"
    with pytest.raises(UnknownOccurrenceError, match="was due already, and its run is dispatched"):
        day.occurrences.skip("h", at(60))
    with pytest.raises(UnknownOccurrenceError, match="was due already, and its run is dispatched"):
        day.occurrences.move("h", at(60), at(7))
    assert day.occurrences.skip("h", dry_run=True).at == at(120)
    changed = day.ours.pauses.read().changed_of("h", also_over=True)
    task = day.ours.registry.definition("h")
    assert task is not None
    assert next(upcoming(task.schedule, day.now, changed=changed)).scheduled_time == at(120)


def test_skipped_occurrence_that_no_beat_saw_in_time_is_skipped_all_the_same(day: Day) -> None:
    day.occurrences.skip("a", at(3))
    day.occurrences.skip("a", at(1))
    day.leave(3.1)
    assert day.states() == "SMS"


def test_pause_skips_a_moved_occurrence_by_its_new_time(day: Day) -> None:
    day.register("h", schedule=HOURLY)
    day.register("i", schedule=HOURLY)
    for task_id in "hi":
        day.occurrences.move(task_id, at(60), at(2.5))
    day.to(2)
    day.pause((PauseKind.TASK, "h"), until=at(5))
    day.to(61)
    assert day.states("h") == "S"
    assert run_at(day, 60, "h").cause == {"class": "paused", "layer": "task:h"}
    assert day.states("i") == "D"


def test_fixed_delay_is_due_again_after_its_skipped_occurrence(day: Day) -> None:
    day.register("f", schedule={"type": "interval", "minutes": 2, "measure_from": "finish"})
    day.occurrences.skip("f")
    day.to(4)
    assert day.states("f") == "SD"
    with pytest.raises(UnknownOccurrenceError, match="no occurrence to come"):
        day.occurrences.skip("f")
    with pytest.raises(UnknownOccurrenceError, match="there is no occurrence"):
        day.occurrences.skip("f", at(6))


def test_local_times_of_a_day_on_which_clocks_change_are_instants(day: Day) -> None:
    zone = {"timezone": "Europe/Berlin"}
    day.register("d", schedule={"type": "daily", "time": "02:30", **zone})
    gap = datetime.fromisoformat("2026-03-29T03:00+02:00")  # 02:30 does not exist on that day
    assert day.occurrences.skip("d", datetime.fromisoformat("2026-03-29T03:00")).at == gap
    with pytest.raises(InvalidTaskError, match="does not exist"):
        day.occurrences.skip("d", datetime.fromisoformat("2026-03-29T02:30"))
    first = datetime.fromisoformat("2026-10-25T02:30+02:00")
    with pytest.raises(InvalidTaskError, match="exists twice"):
        day.occurrences.skip("d", datetime.fromisoformat("2026-10-25T02:30"))
    second = first + timedelta(hours=1)
    assert day.occurrences.move("d", first, second).to == second


def test_spread_shifts_a_moved_occurrence_like_any_other(day: Day) -> None:
    day.register("s", schedule={**HOURLY, "spread_seconds": 1_200})
    before = day.ours.client.zscore("redbeat::schedule", "redbeat:s")
    assert before is not None
    spread = timedelta(seconds=before - NINE.timestamp())
    assert spread > timedelta(0)
    day.occurrences.move("s", at(60), at(30))
    day.to(59)
    late = run_at(day, 60, "s").dispatched_at - (at(30) + spread)
    assert timedelta(0) <= late <= MINUTE / 2
    day.to(90)
    assert day.states("s") == "DD"


def test_changes_are_kept_through_edits_while_the_schedule_has_the_occurrence(
    day: Day, caplog: pytest.LogCaptureFixture
) -> None:
    day.register("h", schedule=HOURLY)
    day.occurrences.skip("h", at(60))
    day.occurrences.move("h", at(120), at(30))
    for edit in ({"params": {"x": 1}}, {"schedule": {"type": "interval", "minutes": 60}}):
        day.ours.registry.update("h", edit)
    day.ours.registry.disable("h")
    day.ours.registry.enable("h")
    assert "occurrence_change_void" not in caplog.text
    day.to(125)
    assert [run_at(day, minute, "h").state for minute in (60, 120)] == [RunState.SKIPPED, RunState.DISPATCHED]
    assert run_at(day, 120, "h").dispatched_at == at(30)


def test_change_whose_occurrence_an_edit_removed_is_reported_and_does_not_run(
    day: Day, caplog: pytest.LogCaptureFixture
) -> None:
    day.register("h", schedule=HOURLY)
    day.occurrences.skip("h", at(60))
    day.occurrences.move("h", at(120), at(30))
    day.ours.registry.update("h", {"schedule": {**HOURLY, "anchor": "2026-03-02T09:15:00Z"}})
    reported = [line for line in caplog.text.splitlines() if "event=occurrence_change_void" in line]
    assert [name in line for name, line in zip(("T093000", "T100000"), reported, strict=True)]
    day.to(136)
    assert day.states("h") == "DDSD"
    assert "no longer has this occurrence" in str(run_at(day, 120, "h").reason)
    assert kept(day) == []


def test_what_passed_while_the_task_was_disabled_does_not_fire_when_it_is_enabled(day: Day) -> None:
    day.register("h", schedule=HOURLY)
    day.occurrences.move("h", at(60), at(5))
    day.ours.registry.disable("h")
    day.to(10)
    day.ours.registry.enable("h")
    day.to(59)
    assert day.states("h") == ""
    day.to(60)
    assert day.states("h") == "D"


def test_removed_task_takes_its_changes_along(day: Day) -> None:
    day.occurrences.skip("a")
    day.register("b")
    day.occurrences.skip("b")
    day.ours.registry.unregister("a")
    assert [one.task_id for one in kept(day)] == ["b"]


def test_unskipped_move_runs_at_its_own_time_unless_that_has_passed(day: Day) -> None:
    day.occurrences.move("a", at(2), at(3.5))
    day.occurrences.move("a", at(1), at(4.5))
    day.occurrences.unskip("a", at(2))
    day.to(2)
    assert day.states() == "D"
    with pytest.raises(InvalidTaskError, match="its own time, which has passed; move it"):
        day.occurrences.unskip("a")
    day.occurrences.move("a", at(1), at(5.5))
    day.to(6)
    assert day.states() == "DDDDDD"
    assert run_at(day, 1).dispatched_at == at(5.5)


@pytest.mark.parametrize("schedule", [{"seconds": 1}, {"seconds": 0.25}])
def test_occurrence_is_not_moved_onto_another_of_a_task_that_is_due_every_second(
    day: Day, schedule: dict[str, float]
) -> None:
    day.register("fast", schedule={"type": "interval", **schedule})
    with pytest.raises(InvalidTaskError, match="is that of another occurrence of 'fast'"):
        day.occurrences.move("fast", None, at(5))
    free = at(5) + timedelta(milliseconds=100)
    assert day.occurrences.move("fast", None, free).to == free


@pytest.mark.parametrize(
    ("moment", "reported"),
    [
        (at(1) + timedelta(seconds=5), "the nearest to come: 2026-03-02T09:03:00Z"),
        (at(3.5), "the nearest to come: 2026-03-02T09:03:00Z and 2026-03-02T09:04:00Z"),
        (at(2), "was due already, and its run is dispatched; the nearest to come: 2026-03-02T09:03:00Z"),
        (at(-60), "was due already; the nearest to come: 2026-03-02T09:03:00Z"),
    ],
)
def test_occurrence_that_is_not_to_come_is_refused_with_the_nearest(
    day: Day, moment: datetime, reported: str
) -> None:
    day.to(2)
    with pytest.raises(UnknownOccurrenceError) as raised:
        day.occurrences.skip("a", moment)
    assert reported in str(raised.value)
    with pytest.raises(UnknownOccurrenceError) as raised:
        day.occurrences.move("a", moment, at(9.5))
    assert reported in str(raised.value)
    assert kept(day) == []


@pytest.mark.parametrize(
    ("to", "reported"),
    [
        (at(-1), "is not in the future; it is 2026-03-02T09:00:00Z"),
        (at(3), "is its own time; unskip it"),
        (at(4), "is that of another occurrence of 'a'; the nearest free second is 2026-03-02T09:04:01Z"),
        (at(5.5), "is that of another occurrence of 'a'; the nearest free second is 2026-03-02T09:05:31Z"),
        (at(20.5), "is in a pause (all); the earliest time is 2026-03-02T09:30:00Z"),
        (at(60.5), "is after the end of the schedule; the last time is 2026-03-02T10:00:00Z"),
    ],
)
def test_time_to_which_nothing_can_be_moved_is_refused_with_the_nearest(
    day: Day, to: datetime, reported: str
) -> None:
    day.ours.registry.update(
        "a", {"schedule": {"type": "interval", "minutes": 1, "end": "2026-03-02T10:00:00Z"}}
    )
    day.occurrences.move("a", at(2), at(5.5))
    day.pause(ALL, until=at(30))
    with pytest.raises(InvalidTaskError) as raised:
        day.occurrences.move("a", at(3), to)
    assert reported in str(raised.value)
    assert len(kept(day)) == 1


def test_unknown_task_and_unchanged_occurrence_are_refused(day: Day) -> None:
    with pytest.raises(UnknownTaskError, match='did you mean "a"'):
        day.occurrences.skip("aa")
    with pytest.raises(UnknownOccurrenceError, match="no occurrence of 'a' is skipped or moved; none is"):
        day.occurrences.unskip("a")
    day.occurrences.skip("a", at(7))
    with pytest.raises(UnknownOccurrenceError, match="changed are those at 2026-03-02T09:07:00Z"):
        day.occurrences.unskip("a", at(8))


def test_each_change_is_on_record(day: Day) -> None:
    day.occurrences.skip("a", at(5), reason="holiday")
    day.occurrences.move("a", at(5), at(6.5), reason="half a holiday")
    day.occurrences.unskip("a", at(5), reason="no holiday")
    found = [one for one in read_all(day.ours.changes.path) if one["change"].startswith("occurrence_")]
    assert [(one["task_id"], one["change"], one["reason"]) for one in found] == [
        ("a", "occurrence_skipped", "holiday"),
        ("a", "occurrence_moved", "half a holiday"),
        ("a", "occurrence_unskipped", "no holiday"),
    ]
    name = "a@20260302T090500Z"
    named = [(None, name), (None, name), (name, None)]
    assert [tuple(one["diff"]["occurrence.id"].values()) for one in found] == named
    assert found[1]["diff"]["occurrence.moved_to"] == {"from": None, "to": "2026-03-02T09:06:30Z"}


def test_dry_run_changes_nothing(day: Day) -> None:
    assert day.occurrences.skip("a", dry_run=True).at == at(1)
    assert kept(day) == []
