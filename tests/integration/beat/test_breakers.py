"""Circuit breakers, with beat driven by a clock of the test's on a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mission_control.audit.stream.reader import read_all
from mission_control.dispatch.enqueue import Dispatch
from mission_control.dispatch.run_ending import RunEnding
from mission_control.model.policies.pause import PauseKind
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from tests.processes.minutely import Day
from tests.stage.audit_stream import final_records_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stage.servers import RedisServer

FRAGILE = (PauseKind.TASK, "f")


@pytest.fixture
def day(redis_server: RedisServer, tmp_path: Path) -> Day:
    with redis_server.client() as client:
        client.flushall()
    day = Day(redis_server.url, tmp_path)
    day.register("f", pause_after_failures=2, probe_after=["3m", 600], overlap="allow")
    return day


def end(day: Day, state: RunState) -> None:
    """End the oldest run of the task that is not over."""
    ledger = day.ours.ledger
    oldest = min(ledger.active_of("f"), key=lambda run: run.scheduled_time)
    run = ledger.begin(oldest.execution_id, 1, worker="w", at=day.now).run
    assert run is not None
    assert RunEnding.of(day.ours).end(run, state, at=day.now) is not None


def changes(day: Day) -> list[str]:
    found = [one["change"] for one in read_all(day.ours.changes.path) if one["task_id"] == "f"]
    return [one.removeprefix("breaker_") for one in found if one.startswith("breaker_")]


def opened(day: Day) -> None:
    for minute in (1, 2):
        day.to(minute)
        end(day, RunState.FAILURE)


def test_failed_runs_open_the_breaker_and_probes_close_it(day: Day) -> None:
    opened(day)
    day.to(4.5)
    assert day.states("f") == "FFSS"
    record = final_records_of(day.ours, "f")[-1]
    assert record["cause"] == {"class": "breaker", "layer": "breaker:f"}
    assert "2 failed runs in a row, the last is f@20260302T090200Z" in record["reason"]
    day.to(7)  # the probe is sent at 5, and is the only one while it has no outcome
    assert day.states("f") == "FFSSDSS"
    end(day, RunState.TIMED_OUT)
    day.to(16)  # ten minutes until the next probe
    assert day.states("f") == "FFSSTSS" + 9 * "S"
    day.to(17)
    end(day, RunState.SUCCESS)
    day.to(19)
    assert day.states("f")[-3:] == "SDD"
    assert changes(day) == ["opened", "probed", "opened", "probed", "closed"]


def test_cancelled_runs_and_a_success_in_between_do_not_open_it(day: Day) -> None:
    for minute, state in enumerate(
        (RunState.FAILURE, RunState.CANCELLED, RunState.SUCCESS, RunState.LOST), start=1
    ):
        day.to(minute)
        end(day, state)
    assert day.ours.pauses.read().layers == ()
    day.to(5)
    end(day, RunState.FAILURE)
    assert [one.name for one in day.ours.pauses.read().layers] == ["breaker:f"]


def test_probe_without_an_outcome_is_followed_by_another(day: Day) -> None:
    opened(day)
    day.to(5)
    end(day, RunState.CANCELLED)
    day.to(7)
    assert day.states("f") == "FFSSCSS"
    day.to(8)
    assert day.states("f") == "FFSSCSSD"


def test_resumed_breaker_counts_failures_from_zero(day: Day) -> None:
    opened(day)
    (resumed,) = day.resume(FRAGILE).tasks
    assert resumed.paused_by == []
    day.to(3)
    end(day, RunState.FAILURE)
    day.to(4)
    assert day.states("f") == "FFFD"
    assert changes(day) == ["opened", "closed"]


def test_run_by_hand_closes_the_breaker_with_its_success(day: Day) -> None:
    opened(day)
    Dispatch.of(day.ours).enqueue("f")
    end(day, RunState.SUCCESS)
    day.to(3)
    assert day.states("f")[-1] == "D"


def test_task_that_is_registered_again_starts_with_a_closed_breaker(day: Day) -> None:
    opened(day)
    day.ours.registry.unregister("f")
    assert day.ours.pauses.read().layers == ()
    day.register("f", pause_after_failures=2)
    day.to(3)
    assert day.states("f")[-1] == "D"


def test_task_whose_breaker_is_taken_off_runs_again(day: Day) -> None:
    opened(day)
    day.ours.registry.update("f", {"pause_after_failures": None})
    day.to(4)
    assert day.states("f") == "FFDD"


def test_breaker_that_redis_refuses_ends_the_run_and_is_logged(
    day: Day, caplog: pytest.LogCaptureFixture
) -> None:
    day.to(1)
    end(day, RunState.FAILURE)
    day.to(2)
    day.ours.client.set(redis_keys.PAUSES, "of another program")
    end(day, RunState.FAILURE)
    assert "event=breaker_failed" in caplog.text
    assert day.states("f") == "FF"
    day.ours.client.delete(redis_keys.PAUSES)
    day.to(3)
    end(day, RunState.FAILURE)
    assert [one.name for one in day.ours.pauses.read().layers] == ["breaker:f"]
