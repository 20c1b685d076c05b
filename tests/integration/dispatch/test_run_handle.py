"""A producer waits for its run, in an async program as well, and cancels it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from mission_control import CancelReply, enqueue
from mission_control.dispatch.run_ending import RunEnding
from mission_control.dispatch.run_handle import Run
from mission_control.errors import UnknownRunError
from mission_control.model.runs.run_state import RunState
from tests.stage.audit_stream import final_records_of

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

HELLO = "handlers.hello.run"

pytestmark = pytest.mark.usefixtures("installation")


def ends(installation: Installation, run: Run, output: str) -> None:
    """End a run as a worker would that has taken it."""
    begun = installation.ledger.begin(run.execution_id, 1, worker="elsewhere", at=installation.clock()).run
    assert begun is not None
    installation.ledger.end(begun, RunState.SUCCESS, at=installation.clock(), output=output)


def test_awaited_runs_let_other_tasks_go_on(installation: Installation) -> None:
    first, second = enqueue(HELLO), enqueue(HELLO)

    async def main() -> list[object]:
        waiting = asyncio.gather(first, second)
        await asyncio.sleep(0)  # both wait now; only this task ends their runs
        ends(installation, first, "tea")
        ends(installation, second, "cake")
        return [result["output"] for result in await waiting]

    assert asyncio.run(main()) == ["tea", "cake"]


def test_await_that_is_over_in_time_or_cancelled_leaves_the_run() -> None:
    run = enqueue(HELLO, delay=3_600)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await run
        waiting = asyncio.ensure_future(run)
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    assert run.state == "dispatched"


def test_await_of_an_unknown_run_raises(installation: Installation) -> None:
    run = Run("gone@manual-1", RunEnding.of(installation), installation.redis_url)

    async def main() -> None:
        await run

    with pytest.raises(UnknownRunError, match="the ledger has no run gone@manual-1"):
        asyncio.run(main())
    with pytest.raises(UnknownRunError, match="the ledger has no run 'gone@manual-1'"):
        run.cancel()


def test_cancel_of_a_waiting_run_ends_it_with_its_record_once(installation: Installation) -> None:
    run = enqueue(HELLO, delay=3_600)
    assert run.cancel("no longer wanted, token=abcdef123456") is CancelReply.CANCELLED
    assert run.cancel() == "finished"
    assert run.wait(0) == {
        "status": "failure",
        "output": None,
        "error": "cancelled: no longer wanted, token=***",
    }
    assert len(final_records_of(installation, HELLO)) == 1


def test_cancel_of_a_running_run_asks_its_worker(installation: Installation) -> None:
    run = enqueue(HELLO)
    begun = installation.ledger.begin(run.execution_id, 1, worker="elsewhere", at=installation.clock())
    assert begun.run is not None
    assert run.cancel() == "asked"
    assert run.state == "running"
