"""Handlers that are `async def`, in every pool: limits, cancellation and output as with plain ones."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from mission_control.cli.terminal.failures import ExitCode
from mission_control.dispatch.run_logs import RunLogs
from tests.processes.real_workers import WorkerHouse, worker_house
from tests.samples.coroutines import COROUTINES
from tests.stage.command_line import mc
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from mission_control.dispatch.run_handle import Run
    from mission_control.installation.installation import Installation
    from tests.stage.live_installation import LiveInstallation

ONE_RETRY = {"max_retries": 1, "retry_delay_seconds": 0}
CLEANED_UP = ["waiting", "connection closed", "child ended"]


def printed(installation: Installation, run: Run) -> list[str]:
    logs = RunLogs(installation.client, installation.run_logs)
    return [line.text for line in logs.lines(run.execution_id) if line.stream == "out"]


def test_time_limit_reaches_the_await_and_the_retry_succeeds(live: LiveInstallation) -> None:
    live.task("async_limit", "handlers.coroutines.waits", timeout_seconds=1, retry_policy=ONE_RETRY)
    run = live.run("async_limit")
    record = live.ended(run)
    assert [(one["status"], one["reason"]) for one in live.records(record)] == [
        ("retry", "timed_out"),
        ("success", None),
    ]
    assert record.output == [2, False]
    assert printed(live.installation, run) == CLEANED_UP


def test_time_limit_reaches_a_coroutine_that_does_not_await(live: LiveInstallation) -> None:
    live.task("async_block", "handlers.coroutines.blocks", timeout_seconds=0.5, retry_policy=ONE_RETRY)
    run = live.run("async_block")
    record = live.ended(run)
    assert (record.state, record.output) == ("success", 2)
    assert printed(live.installation, run) == ["waiting", "loop released"]


@pytest.mark.parametrize("fresh_process", [False, True])
def test_cancelled_coroutine_cleans_up(live: LiveInstallation, fresh_process: bool) -> None:
    task_id = live.task(
        f"async_cancel_{fresh_process}", "handlers.coroutines.waits", fresh_process=fresh_process
    )
    run = live.run(task_id)
    wait_until(lambda: "waiting" in printed(live.installation, run), "it awaits", timeout=20)
    assert run.cancel("enough") == "asked"
    assert live.ended(run).state == "cancelled"
    assert printed(live.installation, run) == CLEANED_UP


def test_async_condition_skips_its_run(live: LiveInstallation) -> None:
    live.task(
        "async_if",
        "handlers.coroutines.waits",
        schedule={"type": "interval", "seconds": 1},
        condition="handlers.coroutines.weekday",
    )
    ledger = live.installation.ledger
    record = wait_until(
        lambda: next((one for one in ledger.runs_of("async_if", limit=9) if one.state.is_final), None),
        "it is asked",
        timeout=20,
    )
    live.installation.registry.disable("async_if")
    assert record
    assert (record.state, record.reason) == (
        "skipped",
        "condition handlers.coroutines.weekday: it is no weekday",
    )


def test_pool_without_processes_of_its_own_cancels_a_coroutine() -> None:
    with worker_house() as house:
        (house.folder / "handlers" / "coroutines.py").write_text(dedent(COROUTINES), "utf-8")
        for pool in ("threads", "solo"):
            with house.worker(pool, pool=pool):
                assert printed(house.installation, cancelled(house, "waits")) == CLEANED_UP
                blocked = cancelled(house, "blocks")
                assert printed(house.installation, blocked) == ["waiting", "loop released"]


def cancelled(house: WorkerHouse, name: str) -> Run:
    run = house.run(f"handlers.coroutines.{name}")
    wait_until(lambda: "waiting" in printed(house.installation, run), "it runs", timeout=20)
    run.cancel()
    wait_until(lambda: run.state == "cancelled", f"{name} is cancelled", timeout=20)
    return run


def test_handler_test_awaits_a_handler_and_a_condition(
    live: LiveInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in live.installation.settings.environment().items():
        monkeypatch.setenv(name, value)
    answer = mc("handler", "test", "handlers.coroutines.weekday")
    assert (answer.code, answer.out.strip()) == (ExitCode.DONE, "it is no weekday")
