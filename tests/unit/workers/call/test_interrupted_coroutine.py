"""An interruption of an async handler reaches it where it awaits, and where it does not."""

from __future__ import annotations

import asyncio
import random
import signal
import threading
import time
from contextlib import nullcontext
from typing import Any

import pytest
from billiard.pool import soft_timeout_sighandler
from celery.exceptions import SoftTimeLimitExceeded

from mission_control.model.runs.run_state import RunState
from workers.call import event_loop
from workers.call.invocation import Failure, Handler, Outcome, Success, invoke
from workers.call.pool_signals import Interruptible, LeaseLostError, RunCancelledError


def stopped_with(reason: type[BaseException], handler: Handler, started: threading.Event) -> Outcome:
    """Call a handler on this thread, and interrupt it from another one as soon as it has started."""

    def interrupt(stay: Interruptible) -> None:
        assert started.wait(10)
        stay.interrupt(reason)

    def begin(stay: Interruptible) -> nullcontext[None]:
        threading.Thread(target=interrupt, args=(stay,), daemon=True).start()
        return nullcontext()

    return invoke(handler, {}, on_start=begin)


@pytest.mark.parametrize(
    ("reason", "state", "message"),
    [
        (RunCancelledError, RunState.CANCELLED, "the run is stopped"),
        (SoftTimeLimitExceeded, RunState.TIMED_OUT, "timeout_seconds are over"),
    ],
)
def test_interruption_reaches_the_await_and_everything_is_cleaned_up(
    reason: type[BaseException], state: RunState, message: str
) -> None:
    seen: list[str] = []
    started = threading.Event()

    class Resource:
        async def __aenter__(self) -> None:
            started.set()

        async def __aexit__(self, *_: object) -> None:
            await asyncio.sleep(0)
            seen.append("closed")

    async def child() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            seen.append("child")

    async def run(_context: dict[str, Any]) -> None:
        task = asyncio.create_task(child())
        try:
            async with Resource():
                await asyncio.sleep(60)
        except asyncio.CancelledError as error:
            seen.append(str(error))
            raise
        finally:
            seen.append(f"child is {'over' if task.done() else 'running'}")

    failure = stopped_with(reason, run, started)
    assert isinstance(failure, Failure)
    assert failure.state is state
    assert seen == ["closed", message, "child is running", "child"]


def test_signal_of_the_pool_at_any_instant_ends_the_coroutine_and_its_tasks() -> None:
    begun, ended = [0], [0]
    started = threading.Event()

    async def child() -> None:
        begun[0] += 1
        started.set()
        try:
            while True:  # noqa: ASYNC110  # each round is another instant
                await asyncio.sleep(0)
        finally:
            ended[0] += 1

    def pool() -> None:
        assert started.wait(10)
        time.sleep(random.random() / 1_000)
        signal.pthread_kill(main, signal.SIGUSR1)

    def begin(stay: Interruptible) -> nullcontext[None]:
        assert stay.uses_signal
        started.clear()
        threading.Thread(target=pool, daemon=True).start()
        return nullcontext()

    async def run(_context: dict[str, Any]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(child())
            await child()

    main = threading.get_ident()
    before = signal.signal(signal.SIGUSR1, soft_timeout_sighandler)
    try:
        outcomes = [invoke(run, {}, on_start=begin) for _ in range(60)]
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert {one.state for one in outcomes if isinstance(one, Failure)} == {RunState.TIMED_OUT}
    assert begun == ended


def test_lost_lease_passes_through_a_task_group() -> None:
    started = threading.Event()

    async def child() -> None:
        started.set()
        await asyncio.sleep(60)

    async def run(_context: dict[str, Any]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(child())
            group.create_task(child())

    with pytest.raises(LeaseLostError):
        stopped_with(LeaseLostError, run, started)


def test_coroutine_that_blocks_its_loop_is_stopped_as_a_plain_handler_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_loop, "_BLOCKED_SECONDS", 0.05)
    started = threading.Event()

    async def run(_context: dict[str, Any]) -> None:
        started.set()
        while True:
            time.sleep(0.001)  # noqa: ASYNC251  # the fault

    failure = stopped_with(RunCancelledError, run, started)
    assert isinstance(failure, Failure)
    assert failure.state is RunState.CANCELLED


def test_coroutine_that_ends_with_a_result_all_the_same_has_it_recorded() -> None:
    started = threading.Event()

    async def run(_context: dict[str, Any]) -> dict[str, Any]:
        started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return {"status": "success", "output": "saved", "error": None}
        raise AssertionError

    assert stopped_with(SoftTimeLimitExceeded, run, started) == Success("saved")
