"""Pauses, with beat driven by a clock of the test's on a real server."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.audit.stream.reader import read_all
from mission_control.dispatch.enqueue import Dispatch
from mission_control.model.policies.pause import PauseKind
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from tests.processes.minutely import ALL, MINUTE, NINE, A, Day
from tests.stage.audit_stream import final_records_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stage.servers import RedisServer


@pytest.fixture
def day(redis_server: RedisServer, tmp_path: Path) -> Day:
    with redis_server.client() as client:
        client.flushall()
    return Day(redis_server.url, tmp_path)


def test_paused_occurrences_are_skipped_and_resume_fires_the_next_one_only(day: Day) -> None:
    day.register("b")
    day.to(2)
    for run in day.ours.ledger.active():
        day.ours.ledger.end(run, RunState.CANCELLED, at=day.now)
    day.pause(A, reason="the API is down")
    day.to(5)
    (resumed,) = day.resume(A).tasks
    assert len(resumed.skipped) == 3
    assert resumed.next_run == "2026-03-02T09:06:00Z"
    day.to(5.5)
    assert day.states() == "CCSSS"
    assert day.states("b") == "CCDDD"
    day.to(6)
    assert day.states() == "CCSSSD"
    record = final_records_of(day.ours, "a")[-1]
    assert record["status"] == "skipped"
    assert record["cause"] == {"class": "paused", "layer": "task:a"}
    assert (
        record["reason"]
        == f"paused (task:a) by {day.ours.pauses.who} at 2026-03-02T09:02:00Z: the API is down"
    )


def test_pause_ends_by_itself_at_its_moment(day: Day) -> None:
    day.pause(ALL, until=NINE + 3 * MINUTE)
    day.to(4)
    assert day.states() == "SSDD"


def test_layers_add_up(day: Day) -> None:
    day.pause(A, (PauseKind.QUEUE, "default"))
    day.to(1)
    (resumed,) = day.resume(A).tasks
    assert [one.name for one in resumed.paused_by] == ["queue:default"]
    day.to(2)
    day.resume((PauseKind.QUEUE, "default"))
    day.to(3)
    assert day.states() == "SSD"


def test_request_that_was_prepared_before_a_pause_is_decided_again(day: Day) -> None:
    day.beat.fire_due(day.now)
    firing, due = day.beat._firing, NINE + MINUTE
    day.now = due - timedelta(seconds=3)
    firing.prepare(lambda: day.now, due.timestamp(), lambda: False)
    assert len(firing.prepared) == 1
    day.pause(ALL)
    day.now = due
    assert firing.fire_prepared(lambda: day.now) == []
    day.beat.fire_due(day.now)
    assert day.states() == "S"


def test_occurrence_that_fell_due_in_a_pause_stays_skipped_if_beat_was_down(day: Day) -> None:
    day.pause(A)
    day.now = NINE + 4.5 * MINUTE
    day.resume(A)
    day.leave(4.9)
    assert day.states() == "MMMS"  # the misfire policy would run none of them but the last
    day.to(6)
    assert day.states() == "MMMSDD"


def test_what_was_overdue_when_a_pause_began_is_skipped_in_it(day: Day) -> None:
    day.now = NINE + MINUTE
    day.pause(A)
    day.leave(1.1)
    assert day.states() == "S"


@pytest.mark.parametrize(
    ("misfire", "caught_up"),
    [("latest", [3]), ("all", [1, 2, 3]), ("skip", [])],
)
def test_catch_up_follows_the_misfire_policy_once(day: Day, misfire: str, caught_up: list[int]) -> None:
    day.register("c", misfire={"policy": misfire})
    day.pause((PauseKind.TASK, "c"))
    day.to(3)
    (resumed,) = day.resume((PauseKind.TASK, "c"), catch_up=True).tasks
    expected = [NINE + at * MINUTE for at in caught_up]
    assert resumed.caught_up == expected
    manual = [run for run in day.ours.ledger.runs_of("c") if run.trigger == "manual"]
    assert sorted(run.scheduled_time for run in manual) == expected
    day.now += timedelta(seconds=1)
    day.pause((PauseKind.TASK, "c"))
    assert day.resume((PauseKind.TASK, "c"), catch_up=True).tasks[0].caught_up == []


def test_waiting_runs_are_taken_back_and_running_ones_go_on_without_a_retry(day: Day) -> None:
    day.to(3)
    waiting, running, retrying = sorted(day.ours.ledger.active(), key=lambda run: run.scheduled_time)
    ledger = day.ours.ledger
    began = ledger.begin(running.execution_id, 1, worker="w", at=day.now).run
    again = ledger.begin(retrying.execution_id, 1, worker="w", at=day.now).run
    assert began is not None
    assert again is not None
    ledger.end(again, RunState.RETRYING, at=day.now)
    by_hand = Dispatch.of(day.ours).enqueue("a")
    assert day.pause(A).runs == {"skipped": 1, "cancelled": 1, "running": 1}
    states = [run.state for run in ledger.get_all(one.execution_id for one in (waiting, running, retrying))]
    assert states == [RunState.SKIPPED, RunState.RUNNING, RunState.CANCELLED]
    assert by_hand.state == "dispatched"
    assert day.ours.client.get(redis_keys.revoked(running.execution_id))
    assert not day.ours.client.exists(redis_keys.revoked(by_hand.execution_id))


def test_pause_takes_back_and_counts_an_occurrence_that_waits_for_another(day: Day) -> None:
    day.register("q", overlap="queue")
    day.to(1)
    began = day.ours.ledger.begin("q@20260302T090100Z", 1, worker="w", at=day.now).run
    assert began is not None
    day.to(3)  # the second waits, the third finds the queue full
    before = day.ours.ledger.history("q")
    assert (before.skipped_count, before.consecutive_skips) == (1, 1)
    assert day.pause((PauseKind.TASK, "q")).runs == {"skipped": 1, "running": 1}
    assert day.states("q") == "RSS"
    history = day.ours.ledger.history("q")
    assert (history.skipped_count, history.consecutive_skips, history.total_runs) == (2, 2, 0)
    day.ours.ledger.end(began, RunState.SUCCESS, at=day.now)
    assert day.states("q") == "SSS"  # success, skipped, skipped: the end released nothing
    assert day.ours.ledger.history("q").consecutive_skips == 0
    day.resume((PauseKind.TASK, "q"))
    day.to(4)
    run = day.ours.ledger.get("q@20260302T090400Z")
    assert run is not None
    assert (run.state, run.waits_for) == (RunState.DISPATCHED, None)


def test_stopping_ends_requested_and_running_runs_too(day: Day) -> None:
    by_hand, bare = (Dispatch.of(day.ours).enqueue(name) for name in ("a", "handlers.hello.run"))
    began = day.ours.ledger.begin(by_hand.execution_id, 1, worker="w", at=day.now).run
    assert began is not None
    assert day.pause(ALL, stop_running=True).runs == {"cancelled": 1, "stopped": 1}
    assert bare.state == "cancelled"
    stored = day.ours.ledger.get(by_hand.execution_id)
    assert stored is not None
    assert str(stored.cancel_requested).startswith("paused (all) by ")


def test_paused_task_with_a_fixed_delay_goes_on_when_it_is_resumed(day: Day) -> None:
    schedule = {"type": "interval", "minutes": 1, "measure_from": "finish"}
    day.register("f", schedule=schedule)
    day.to(1)
    day.pause((PauseKind.TASK, "f"))  # takes back the run that would have set the next due time
    day.to(3)
    day.resume((PauseKind.TASK, "f"))
    day.to(4)
    assert day.states("f") == "SSSD"


def test_pause_and_resume_are_recorded_as_changes(day: Day) -> None:
    day.pause(A, ALL, reason="why not")
    day.resume(ALL, reason="enough")
    found = [one for one in read_all(day.ours.changes.path) if one["change"] in {"paused", "resumed"}]
    seen = [(one["task_id"], one["change"], one["reason"]) for one in found]
    assert seen == [("a", "paused", "why not"), ("all", "paused", "why not"), ("all", "resumed", "enough")]
