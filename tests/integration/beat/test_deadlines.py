"""Runs with deadlines: beat, the ledger and the audit stream on a real server, at the test's time."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from beat.follow_up import deadline_watch
from beat.follow_up.deadline_watch import DeadlineWatch
from mission_control.dispatch.enqueue import Dispatch, RunOptions
from mission_control.dispatch.run_control import RunControl
from mission_control.dispatch.run_ending import RunEnding
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.operate.runs import run_json
from mission_control.store import redis_keys
from tests.processes.minutely import MINUTE, NINE, Day
from tests.stage.audit_stream import final_records_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stage.servers import RedisServer

DAILY = {"type": "daily", "time": "09:01"}
DEADLINE = {"start_within": "1m", "finish_within": "3m"}
TEA = "tea@20260302T090100Z"


@pytest.fixture
def day(redis_server: RedisServer, tmp_path: Path) -> Day:
    with redis_server.client() as client:
        client.flushall()
    return Day(redis_server.url, tmp_path)


def watch(day: Day) -> DeadlineWatch:
    return DeadlineWatch(day.ours.client, lambda: day.now)


def began(day: Day, execution_id: str = TEA, attempt: int = 1) -> RunRecord:
    run = day.ours.ledger.begin(execution_id, attempt, worker="w", at=day.now).run
    assert run is not None
    return run


def end(day: Day, run: RunRecord, state: RunState, **changes: Any) -> None:
    ending = RunEnding.of(day.ours)
    ended = ending.end(run, state, at=day.now, **changes)
    assert ended is not None
    ending.record(ended, at=day.now)


def shown_late(day: Day, execution_id: str = TEA) -> Any:
    run = day.ours.ledger.get(execution_id)
    assert run is not None
    return run_json(run).get("late")


def notices(day: Day) -> list[tuple[str, str]]:
    found: Any = day.ours.client.lrange(redis_keys.NOTICES, 0, -1)
    return [(one["event"], one.get("text", "")) for one in map(json.loads, found)]


def late_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        str(record.__dict__["why"]) for record in caplog.records if getattr(record, "event", "") == "run_late"
    ]


def test_run_that_passes_deadlines_is_late_once_for_each_and_goes_on(
    day: Day, caplog: pytest.LogCaptureFixture
) -> None:
    day.register("tea", schedule=DAILY, deadline=DEADLINE, notify={"on": ["late", "recovery"], "to": ["ops"]})
    day.to(1)
    assert watch(day).look() == 0
    day.to(2.5)
    assert (watch(day).look(), watch(day).look()) == (1, 0)
    assert shown_late(day) == ["start_within"]
    run = began(day)
    day.to(4.5)
    assert (watch(day).look(), watch(day).look()) == (1, 0)
    end(day, run, RunState.SUCCESS)
    not_started, not_finished = "it did not start within 1 min", "it did not finish within 3 min"
    assert late_lines(caplog) == [not_started, not_finished]
    assert notices(day) == [("late", not_started), ("late", not_finished), ("success", "")]
    assert shown_late(day) == ["start_within", "finish_within"]
    (record,) = final_records_of(day.ours, "tea")
    assert (record["status"], record["late"]) == ("success", ["start_within", "finish_within"])
    assert not day.ours.client.exists(redis_keys.DEADLINES)


def test_run_in_time_leaves_nothing(day: Day, caplog: pytest.LogCaptureFixture) -> None:
    day.register("tea", schedule=DAILY, deadline=DEADLINE, notify={"on": ["late"], "to": ["ops"]})
    day.to(1.5)
    run = began(day)
    end(
        day, run, RunState.RETRYING, retry_at=day.now + MINUTE
    )  # its second attempt begins too late for a first
    day.to(3)
    run = began(day, attempt=2)
    assert watch(day).look() == 0
    end(day, run, RunState.SUCCESS)
    day.to(9)
    assert watch(day).look() == 0
    assert (late_lines(caplog), notices(day), shown_late(day)) == ([], [], [])
    (record,) = final_records_of(day.ours, "tea")
    assert "late" not in record
    assert not day.ours.client.exists(redis_keys.DEADLINES)


def test_run_that_was_late_while_no_beat_looked_has_it_on_record_and_is_reported_afterwards(
    day: Day, caplog: pytest.LogCaptureFixture
) -> None:
    day.register("tea", schedule=DAILY, deadline=DEADLINE)
    day.to(1)
    day.now = NINE + 3 * MINUTE
    end(day, began(day), RunState.SUCCESS)
    (record,) = final_records_of(day.ours, "tea")
    assert record["late"] == ["start_within"]
    day.leave(9)
    assert (watch(day).look(), watch(day).look()) == (1, 0)
    assert late_lines(caplog) == ["it did not start within 1 min"]


def test_two_beats_that_look_at_one_moment_report_a_late_run_once(
    day: Day, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    day.register("tea", schedule=DAILY, deadline=DEADLINE, notify={"on": ["late"], "to": ["ops"]})
    day.to(2.5)
    readable, others = deadline_watch._readable, [watch(day)]

    def meanwhile(stored: Any) -> RunRecord | None:
        if others:
            assert others.pop().look() == 1
        return readable(stored)

    monkeypatch.setattr(deadline_watch, "_readable", meanwhile)
    watch(day).look()
    assert (len(notices(day)), len(late_lines(caplog))) == (1, 1)


def test_deadline_of_a_request_counts_from_its_time_and_a_backfill_has_none(day: Day) -> None:
    day.register("tea", schedule=DAILY, deadline=DEADLINE)
    by_hand = Dispatch.of(day.ours).enqueue("tea").execution_id
    day.now = NINE + 0.5 * MINUTE
    assert watch(day).look() == 0
    day.now = NINE + 1.5 * MINUTE
    assert watch(day).look() == 1
    assert shown_late(day, by_hand) == ["start_within"]
    end(day, began(day, by_hand), RunState.FAILURE, error="no water")
    again = RunControl.of(day.ours).run_now(by_hand)
    assert shown_late(day, again) == []
    assert day.ours.client.zscore(redis_keys.DEADLINES, again) == (day.now + MINUTE).timestamp()


def test_requests_entered_in_one_step_have_their_deadlines_and_a_debounced_one_that_of_its_last_call(
    day: Day,
) -> None:
    day.register("tea", schedule=DAILY, deadline=DEADLINE)
    dispatch = Dispatch.of(day.ours)
    results = dispatch.enqueue_many([{"task_id_or_handler": "tea"}, {"task_id_or_handler": "a"}])
    many = [one.run.execution_id for one in results if one.run is not None]
    window: Any = {"key": "k", "delay": 30}
    debounced = dispatch.enqueue("tea", options=RunOptions(debounce=window)).execution_id
    day.now = NINE + 0.4 * MINUTE
    assert dispatch.enqueue("tea", options=RunOptions(debounce=window)).execution_id == debounced
    day.now = NINE + 1.6 * MINUTE
    watch(day).look()
    assert [shown_late(day, one) for one in (*many, debounced)] == [["start_within"], None, []]
    day.now = NINE + 2 * MINUTE
    watch(day).look()
    assert shown_late(day, debounced) == ["start_within"]


def test_occurrence_that_is_skipped_or_missed_is_not_late(day: Day) -> None:
    day.register("tea", schedule={"type": "interval", "minutes": 1}, overlap="skip", deadline=DEADLINE)
    later = {"type": "daily", "time": "09:02:30"}
    day.register("cake", schedule=later, misfire={"policy": "skip"}, deadline=DEADLINE)
    day.to(1)
    began(day)
    day.to(2)
    day.leave(30)
    watch(day).look()
    for execution_id, state in (("tea@20260302T090200Z", "skipped"), ("cake@20260302T090230Z", "missed")):
        run = day.ours.ledger.get(execution_id)
        assert run is not None
        assert (str(run.state), shown_late(day, execution_id)) == (state, [])


def test_task_without_a_deadline_costs_no_key(day: Day) -> None:
    day.to(2)
    Dispatch.of(day.ours).enqueue("a")
    began(day, "a@20260302T090100Z")
    assert not day.ours.client.exists(redis_keys.DEADLINES)
    stored: Any = day.ours.client.hgetall(redis_keys.run("a@20260302T090100Z"))
    assert "first_started_at" not in stored
    assert "deadline" not in json.loads(stored["spec"])


def test_run_that_cannot_be_read_keeps_no_other_from_being_late(day: Day) -> None:
    for name in ("cake", "tea"):
        day.register(name, schedule=DAILY, deadline=DEADLINE)
    day.to(1)
    day.ours.client.delete(redis_keys.run("cake@20260302T090100Z"))
    day.ours.client.set(redis_keys.run("cake@20260302T090100Z"), "no run")
    day.ours.client.zadd(redis_keys.DEADLINES, {"gone@20260302T090100Z": 1})
    day.to(2.5)
    assert watch(day).look() == 1
    assert day.ours.client.zrange(redis_keys.DEADLINES, 0, -1) == [TEA]


def test_overwritten_index_delays_no_task_without_a_deadline(
    day: Day, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    day.register("tea", schedule=DAILY, deadline=DEADLINE)
    day.ours.client.set(redis_keys.DEADLINES, "another program's")
    day.to(1)
    assert day.ours.ledger.get("a@20260302T090100Z") is not None
    assert day.ours.ledger.get(TEA) is None
    day.ours.client.delete(redis_keys.DEADLINES)
    day.beat._upkeep.restore(is_start=True)
    day.to(1.5)
    assert day.ours.ledger.get(TEA) is not None
