"""Runs in this process: the same contract, ledger and audit as on a worker, without one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from msgspec.structs import replace
from ulid import ULID

from mission_control import TaskScheduler
from mission_control.errors import HandlerError, RunTimeoutError
from mission_control.installation.installation import Installation
from mission_control.model.runs.new_run import manual_run
from mission_control.model.runs.run_state import RunState
from mission_control.processes.in_process import InProcess
from mission_control.scheduler import in_process
from mission_control.store import redis_keys
from tests.stage.audit_stream import records_of
from tests.stage.live_installation import YEARLY

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.model.runs.run_record import RunRecord

PAST = {"type": "once", "at": "2026-03-02T09:00:00Z"}
BEFORE = datetime(2026, 3, 2, 8, 59, 59, tzinfo=UTC)


@pytest.fixture
def handlers(tmp_path: Path, installation: Installation) -> Path:
    """The folder of handlers of the test's installation."""
    assert installation is not None
    folder = tmp_path / "handlers"
    folder.mkdir()
    return folder


def entered(installation: Installation, **fields: Any) -> RunRecord:
    """Register a task and enter a run of it."""
    installation.registry.register({"id": "a", "schedule": YEARLY, "handler": "handlers.hello.run", **fields})
    task = installation.registry.definition("a")
    assert task is not None
    now = installation.clock()
    run = manual_run(task, ulid=str(ULID()), at=now, now=now)
    installation.ledger.dispatch(run)
    return run


def test_run_taken_by_a_worker_is_waited_for(installation: Installation) -> None:
    run = entered(installation)
    reply = installation.ledger.begin(run.execution_id, 1, worker="elsewhere", at=installation.clock())
    assert reply.run is not None
    taken = reply.run

    def finish() -> None:
        installation.ledger.end(taken, RunState.SUCCESS, at=installation.clock(), output="from elsewhere")

    thread = Thread(target=finish)
    thread.start()
    result = in_process(installation).run(run)
    thread.join()
    assert result == {
        "status": "success",
        "output": "from elsewhere",
        "error": None,
        "execution_id": run.execution_id,
    }


def test_async_handler_runs_here_and_in_an_async_program(installation: Installation, handlers: Path) -> None:
    source = "async def run(context):\n    return {'status': 'success', 'output': context['attempt']}\n"
    (handlers / "later.py").write_text(source, "utf-8")
    installation.registry.register({"id": "a", "schedule": YEARLY, "handler": "handlers.later.run"})
    scheduler = TaskScheduler()
    assert scheduler.execute_task("a")["output"] == 1

    async def program() -> object:
        return scheduler.execute_task("a")["output"]

    assert asyncio.run(program()) == 1


def test_run_once_omits_runs_that_a_worker_does_not_finish_in_time(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mission_control.processes.in_process.ELSEWHERE_WITHIN_SECONDS", 0.05)
    run = entered(installation)
    installation.ledger.begin(run.execution_id, 1, worker="elsewhere", at=installation.clock())
    with pytest.raises(RunTimeoutError):
        in_process(installation).run(run)
    fired = iter([[run], []])
    monkeypatch.setattr(InProcess, "fire_due", lambda *_: next(fired))
    assert TaskScheduler().run_once() == []


def test_run_once_sends_runs_of_unknown_handlers_to_the_workers(installation: Installation) -> None:
    installation.client.hset(redis_keys.HANDLERS, "handlers.elsewhere.run", "on another machine")
    task = {"id": "a", "handler": "handlers.elsewhere.run", "schedule": PAST}
    with time_machine.travel(BEFORE, tick=False) as clock:
        installation.registry.register(task)
        clock.shift(1)
        assert TaskScheduler().run_once() == []
    assert installation.client.llen("default") == 1
    assert [run.state for run in installation.ledger.runs_of("a")] == [RunState.DISPATCHED]


def test_execute_task_without_the_handler_enters_no_run(installation: Installation) -> None:
    installation.client.hset(redis_keys.HANDLERS, "handlers.elsewhere.run", "on another machine")
    task = {"id": "a", "handler": "handlers.elsewhere.run", "schedule": YEARLY}
    installation.registry.register(task)
    with pytest.raises(HandlerError, match=r"this process cannot run handlers\.elsewhere\.run"):
        TaskScheduler().execute_task("a")
    assert installation.ledger.runs_of("a") == []


def test_retries_wait_for_the_policys_delay(installation: Installation) -> None:
    slept: list[float] = []
    policy = {"max_retries": 2, "retry_delay_seconds": 40, "backoff": "exponential"}
    run = entered(
        installation, handler="handlers.test_handler.run", retry_policy=policy, params={"fail": True}
    )
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            clock.shift(timedelta(seconds=seconds))

        result = in_process(installation, sleep=sleep).run(run)
    assert result["status"] == "failure"
    assert slept == [40, 80]
    assert [one["attempt"] for one in records_of(installation, "a")] == [1, 2, 3]


def test_ctrl_c_ends_the_run_and_reaches_the_program(installation: Installation, handlers: Path) -> None:
    source = "def run(context):\n    '''Be interrupted.'''\n    raise KeyboardInterrupt\n"
    (handlers / "interrupted.py").write_text(source, "utf-8")
    run = entered(installation, handler="handlers.interrupted.run")
    with pytest.raises(KeyboardInterrupt):
        in_process(installation).run(run)
    (record,) = records_of(installation, "a")
    assert (record["status"], record["reason"], record["final"]) == ("failure", "interrupted", True)


def test_plain_producers_can_be_refused(installation: Installation) -> None:
    strict = Installation(replace(installation.settings, allow_plain_producers=False))
    task = in_process(strict)._app.tasks["handlers.hello.run"]
    answer = task.apply(kwargs={"params": {}}, task_id="plain:from-outside")
    assert answer.state == "REJECTED"
    (record,) = records_of(installation, "handlers.hello.run")
    assert (record["status"], record["execution_id"]) == ("rejected", "plain:from-outside")
    assert "MISSION_CONTROL_ALLOW_PLAIN_PRODUCERS is off" in record["reason"]
    assert strict.ledger.get("plain:from-outside") is None


def test_fixed_delay_task_is_due_again_after_every_ending(installation: Installation) -> None:
    schedule = {"type": "interval", "hours": 1, "measure_from": "finish"}
    entry = redis_keys.DEFAULT_REDBEAT_KEYS.entry("a")
    with time_machine.travel(BEFORE, tick=False) as clock:
        definition = {"id": "a", "schedule": schedule, "handler": "handlers.test_handler.run"}
        policy = {"max_retries": 1, "retry_delay_seconds": 0}
        installation.registry.register({**definition, "params": {"fail": True}, "retry_policy": policy})
        for _ in range(2):
            clock.shift(timedelta(hours=1))
            (result,) = TaskScheduler().run_once()
            assert result["status"] == "failure"
            due = installation.client.zscore(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, entry)
            assert due == (datetime.now(UTC) + timedelta(hours=1)).timestamp()
