"""Backfills, with the steps of beat and the time the test's, on a real server.

This file has more than 250 lines because each kind of range and of run is one test of it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.cli.backfill.start import backfilling_of
from mission_control.dispatch.run_control import RunControl
from mission_control.errors import InvalidTaskError
from mission_control.model.policies.pause import PauseKind
from mission_control.model.runs.backfill_plan import BackfillState, Rerun
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from tests.processes.backfilled import EIGHT, Backfilled
from tests.processes.minutely import MINUTE, NINE, A
from tests.stage.audit_stream import final_records_of, verified_runs
from tests.stage.redis_key_life import faults_in_keys

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stage.servers import RedisServer


@pytest.fixture
def day(redis_server: RedisServer, tmp_path: Path) -> Backfilled:
    with redis_server.client() as client:
        client.flushall()
    return Backfilled(redis_server.url, tmp_path)


def test_preview_names_the_half_open_range_and_enters_nothing(day: Backfilled) -> None:
    keys = set(day.ours.client.keys())
    found = day.preview().to_json()
    assert (found["first"], found["last"], found["count"]) == (
        "2026-03-02T08:00:00Z",
        "2026-03-02T08:59:00Z",
        60,
    )
    assert found["found"] == {"not run": 60}
    assert found["forecast_seconds"] is None
    assert set(day.ours.client.keys()) == keys


def test_excluded_times_and_those_put_off_by_the_spread_are_not_in_the_range(day: Backfilled) -> None:
    quiet = {"type": "interval", "minutes": 1, "exclude": [{"between": ["08:10", "08:50"]}]}
    day.register("quiet", schedule=quiet)
    assert day.preview(task_id="quiet").plan.count == 20
    day.register("late", schedule={"type": "interval", "minutes": 1, "spread_seconds": 55})
    day.now += MINUTE / 60
    found = day.preview(task_id="late", end=day.now)
    assert found.items[-1].scheduled_time == NINE - MINUTE  # that of nine is still beat's to fire


def test_days_on_which_clocks_change_have_their_occurrences(day: Backfilled) -> None:
    half_past_two = {"type": "daily", "time": "02:30", "timezone": "Europe/Berlin", "dst": {"fold": "both"}}
    day.register("night", schedule=half_past_two)
    for month, date, count in ((3, 29, 1), (10, 25, 2)):
        start = datetime(2026, month, date, tzinfo=UTC)
        day.now = start + timedelta(days=1)
        assert day.preview(task_id="night", start=start, end=day.now).plan.count == count


def test_task_without_a_schedule_is_refused_and_the_tasks_before_it_are_named(day: Backfilled) -> None:
    day.register("b", schedule=None, after=[{"task": "a"}])
    with pytest.raises(InvalidTaskError, match="backfill what it comes after: a"):
        day.preview(task_id="b")


def test_backfill_sends_its_share_of_the_slots_and_the_next_when_runs_end(day: Backfilled) -> None:
    backfill_id = day.start()
    assert day.step() == ["a@20260302T080000Z", "a@20260302T080100Z"]
    assert day.step() == []
    first, _ = day.active()
    assert (first.trigger, first.backfill, first.priority) == ("backfill", backfill_id, 9)
    day.end_all()
    assert day.plan(backfill_id).ended == {"success": 2}
    day.slots(16)
    day.release = day.new_release()
    assert len(day.step()) == 4
    plan = day.finish(backfill_id)
    assert (plan.state, plan.released, plan.ended) == (BackfillState.DONE, 60, {"success": 60})
    assert len(final_records_of(day.ours, "a")) == len(set(day.ids())) == 60
    assert {one["trigger"] for one in final_records_of(day.ours, "a")} == {"backfill"}
    assert verified_runs(day.ours).is_sound
    assert faults_in_keys(day.ours.client) == {}
    assert day.ours.client.keys("mc:backfill*") == [redis_keys.backfill(backfill_id)]
    assert day.ours.client.ttl(redis_keys.backfill(backfill_id)) > 0


def test_newest_first_begins_at_the_end(day: Backfilled) -> None:
    day.start(newest_first=True)
    assert day.step() == ["a@20260302T085900Z", "a@20260302T085800Z"]


def test_run_that_a_killed_beat_has_not_sent_is_sent_by_the_next(day: Backfilled) -> None:
    day.start()
    day.step()
    day.release = day.new_release()
    assert sorted(day.step()) == ["a@20260302T080000Z", "a@20260302T080100Z"]
    assert day.step() == []
    assert len(day.active()) == 2


def test_backfills_of_several_tasks_share_the_slots(day: Backfilled) -> None:
    day.register("b")
    day.start()
    day.start(task_id="b")
    for _ in range(2):
        day.now += MINUTE / 60
        assert len(day.step()) == 2
        day.end_all()
    assert {run.task_id for run in day.ours.ledger.last_finished()} == {"a", "b"}
    assert len(day.step()) == 2


def test_rate_is_held(day: Backfilled) -> None:
    day.slots(100)
    day.start(per_second=0.5)
    for seconds in range(10):
        day.now = NINE + timedelta(seconds=seconds)
        day.step()
    assert len(day.active()) == 5


def test_occurrence_that_beat_fired_meanwhile_is_not_run_again(day: Backfilled) -> None:
    day.now = NINE + MINUTE + MINUTE / 60
    backfill_id = day.start(start=NINE + MINUTE, end=day.now)
    day.beat.fire_due(day.now)
    assert day.step() == []
    day.step()
    plan = day.plan(backfill_id)
    assert (plan.state, plan.existing) == (BackfillState.DONE, 1)
    assert [run.trigger for run in day.active()] == ["schedule"]


def test_occurrence_that_was_moved_to_a_time_to_come_is_left_out(day: Backfilled) -> None:
    day.occurrences.move("a", NINE + MINUTE, NINE + 2.5 * MINUTE)
    day.now = NINE + 2 * MINUTE
    assert [one.scheduled_time for one in day.preview(start=NINE, end=day.now).items] == [NINE]


def test_rerun_says_which_occurrences_run_again_and_ids_are_those_of_the_live_runs_or_new(
    day: Backfilled,
) -> None:
    times = [EIGHT + number * MINUTE for number in range(3)]
    for moment, state in zip(times, (RunState.FAILURE, RunState.SUCCESS, RunState.SUCCESS), strict=True):
        day.finish(day.start(start=moment, end=moment + MINUTE), state)
    span: dict[str, Any] = {"start": EIGHT, "end": EIGHT + 4 * MINUTE}
    assert day.preview(**span).found == {"failure": 1, "success": 2, "not run": 1}
    chosen = {rerun: [one.execution_id for one in day.preview(rerun=rerun, **span).items] for rerun in Rerun}
    assert chosen[Rerun.NONE] == ["a@20260302T080300Z"]
    assert chosen[Rerun.FAILED] == ["a@backfill-20260302T080000Z", "a@20260302T080300Z"]
    assert len(chosen[Rerun.ALL]) == 4
    day.finish(day.start(rerun=Rerun.FAILED, start=EIGHT, end=EIGHT + MINUTE), RunState.FAILURE)
    again = day.preview(rerun=Rerun.FAILED, start=EIGHT, end=EIGHT + MINUTE)
    assert [one.execution_id for one in again.items] == ["a@backfill-20260302T080000Z-2"]
    assert verified_runs(day.ours).is_sound


def test_missed_occurrences_are_run(day: Backfilled) -> None:
    day.register("skipping", misfire={"policy": "skip"})
    day.leave(10)
    found = day.preview(task_id="skipping", start=NINE, end=NINE + 9 * MINUTE)
    assert found.found == {"missed": 8, "not run": 1}
    assert found.plan.count == 9
    assert found.items[1].execution_id == "skipping@backfill-20260302T090100Z"


def test_audit_stream_is_asked_about_runs_that_the_ledger_has_forgotten(day: Backfilled) -> None:
    day.finish(day.start())
    for run_id in day.ids():
        day.ours.client.delete(redis_keys.run(run_id), redis_keys.task_runs("a"))
    day.ours.client.hset(redis_keys.KNOWN_SINCE, "runs", str(NINE.timestamp() + 1))
    found = day.preview()
    assert found.found == {"success": 60}
    assert found.unknown_before == NINE  # the first record of this installation
    assert day.preview(rerun=Rerun.ALL).items[0].execution_id == "a@backfill-20260302T080000Z"


def test_cancelled_backfill_leaves_nothing_behind(day: Backfilled) -> None:
    backfill_id = day.start()
    day.step()
    running = day.active()[0]
    day.ours.ledger.begin(running.execution_id, 1, worker="w@test", at=day.now)
    assert backfilling_of(day.ours).cancel(backfill_id, reason="enough") is not None
    assert backfilling_of(day.ours).cancel(backfill_id, reason="again") is None
    assert day.step() == []
    (left,) = day.active()
    assert left.cancel_requested == f"backfill {backfill_id} was cancelled: enough"
    RunControl.of(day.ours).ending.close(left, RunState.CANCELLED, left.cancel_requested)
    plan = day.plan(backfill_id)
    assert (plan.state, plan.reason, plan.ended) == (BackfillState.CANCELLED, "enough", {"cancelled": 2})
    assert day.ours.client.keys("mc:backfill*") == [redis_keys.backfill(backfill_id)]
    assert [one["status"] for one in final_records_of(day.ours, "a")] == ["cancelled", "cancelled"]
    assert day.preview(rerun=Rerun.FAILED).plan.count == 60


def test_cancelling_command_that_is_killed_is_finished_by_beat(day: Backfilled) -> None:
    backfill_id = day.start()
    day.step()
    assert day.ours.backfills.cancel(backfill_id, "enough")  # and the command dies here
    day.step()
    assert day.active() == []
    assert day.plan(backfill_id).ended == {"cancelled": 2}


def test_second_backfill_of_a_part_of_the_range_is_refused(day: Backfilled) -> None:
    day.register("b")
    first = day.start(start=EIGHT, end=EIGHT + 11 * MINUTE)
    for begins, ends in ((0, 11), (10, 20), (3, 4), (-5, 1), (-5, 60)):
        with pytest.raises(InvalidTaskError, match=f"backfill {first} has a part of this range"):
            day.start(start=EIGHT + begins * MINUTE, end=EIGHT + ends * MINUTE)
    assert len(day.ours.backfills.open()) == 1
    day.start(start=EIGHT + 11 * MINUTE, end=NINE)  # what begins where it ends is no part of it
    day.start(task_id="b")
    assert len(day.ours.backfills.open()) == 3


def test_task_that_is_removed_or_disabled_ends_its_backfill(day: Backfilled) -> None:
    day.register("b")
    removed, disabled = day.start(), day.start(task_id="b")
    day.ours.registry.unregister("a")
    day.ours.registry.disable("b")
    day.step()
    day.step()
    assert day.plan(removed).reason == "its task was removed"
    assert day.plan(disabled).reason == "its task was disabled"
    assert day.ours.client.exists(redis_keys.BACKFILLS) == 0


def test_backfill_runs_while_its_task_is_paused_or_disabled_and_stop_running_ends_it(day: Backfilled) -> None:
    day.pause(A)
    day.register("off", enabled=False)
    paused, off = day.start(), day.start(task_id="off")
    assert len(day.step()) == 2
    day.pause((PauseKind.ALL, ""))
    assert len(day.active()) == 2
    day.pause(A, stop_running=True)
    day.step()
    day.step()
    assert day.plan(paused).state is BackfillState.CANCELLED
    assert day.plan(off).state is BackfillState.OPEN
    assert {run.task_id for run in day.active()} == {"off"}


def test_nothing_is_sent_right_before_a_live_occurrence_is_due(day: Backfilled) -> None:
    day.start()
    day.release.step(day.now.timestamp() + 10)
    day.end_all()
    day.release._stepped_at += 1_000  # however long that took
    assert day.release.step(day.now.timestamp() + 0.05) == 0
    assert day.active() == []
