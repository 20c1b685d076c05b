"""Handlers that are `async def`: awaited on a loop of their own, stopped as plain handlers are."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from contextvars import ContextVar
from typing import Any

import pytest

from mission_control.model.runs.run_state import RunState
from workers.call import event_loop
from workers.call.condition import ask
from workers.call.invocation import Failure, Handler, Outcome, Skipped, Success, invoke

FOUND: ContextVar[str] = ContextVar("found", default="nothing")


def done(output: object) -> dict[str, Any]:
    return {"status": "success", "output": output, "error": None}


def test_coroutine_is_awaited_and_judged_by_the_contract() -> None:
    async def run(context: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0)
        return done(context["params"])

    assert invoke(run, {"params": {"name": "Ada"}}) == Success({"name": "Ada"})

    async def nothing(_context: dict[str, Any]) -> None:
        await asyncio.sleep(0)

    failure = invoke(nothing, {})
    assert isinstance(failure, Failure)
    assert (failure.reason, failure.is_retryable) == ("broken_contract", False)


def test_decorated_coroutine_function_is_awaited() -> None:
    def noted(function: Callable[..., Awaitable[Any]]) -> Handler:
        @functools.wraps(function)
        def call(context: dict[str, Any]) -> Any:
            return function(context)

        return call

    @noted
    async def run(_context: dict[str, Any]) -> dict[str, Any]:
        return done("awaited")

    assert invoke(run, {}) == Success("awaited")


def test_plain_function_that_forgets_to_await_breaks_its_contract() -> None:
    async def answer() -> bool:
        return True

    def run(_context: dict[str, Any]) -> Any:
        return answer()

    failure = invoke(run, {})
    assert isinstance(failure, Failure)
    assert failure.error == (
        "the handler broke its contract: it returned a coroutine and did not await it; write `async def`, or "
        "call asyncio.run"
    )
    assert not failure.is_retryable
    refused = ask("handlers.a.b", run, {}, within=30, on_start=nullcontext)
    assert isinstance(refused, Failure)
    assert refused.error.startswith("condition handlers.a.b returned coroutine; it must return True, False")


def test_async_condition_is_awaited() -> None:
    async def on_call(_context: dict[str, Any]) -> tuple[bool, str]:
        await asyncio.sleep(0)
        return False, "it is 3 o'clock"

    asked = ask("handlers.a.b", on_call, {}, within=30, on_start=nullcontext)
    assert asked == Skipped("handlers.a.b", "it is 3 o'clock")


def test_traceback_begins_with_the_coroutines_frame() -> None:
    async def deep() -> None:
        raise ValueError("too deep")

    async def run(_context: dict[str, Any]) -> None:
        await deep()

    failure = invoke(run, {})
    assert isinstance(failure, Failure)
    assert failure.error == "ValueError: too deep"
    lines = str(failure.traceback).splitlines()
    assert "in run" in lines[1]
    assert "in deep" in lines[3]


def test_cancellation_that_the_handler_makes_itself_is_its_failure() -> None:
    async def run(_context: dict[str, Any]) -> None:
        raise asyncio.CancelledError("gave up")

    failure = invoke(run, {})
    assert isinstance(failure, Failure)
    assert (failure.error, failure.state) == ("CancelledError: gave up", RunState.FAILURE)


def test_tasks_left_behind_are_cancelled_awaited_and_reported(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(event_loop, "GRACE_SECONDS", 0.05)
    seen: list[str] = []

    async def tidy() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("tidied up")

    async def clumsy() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise ValueError("cannot tidy up")

    async def stubborn() -> None:
        while not seen or seen[-1] != "go":
            try:
                await asyncio.sleep(0.2)
            except asyncio.CancelledError:
                seen.append("no")

    async def run(_context: dict[str, Any]) -> dict[str, Any]:
        for one in (tidy, clumsy, stubborn):
            kept.add(asyncio.create_task(one(), name=one.__name__))
        await asyncio.sleep(0)
        return done(None)

    kept: set[asyncio.Task[None]] = set()
    with caplog.at_level(logging.WARNING):
        assert invoke(run, {}) == Success(None)
    assert "tidied up" in seen
    assert "ValueError: cannot tidy up" in caplog.text
    (event,) = [one for one in caplog.records if getattr(one, "event", "") == "handler_tasks_abandoned"]
    assert "stubborn" in event.getMessage()
    for one in kept:  # what asyncio says of a task that is dropped is not of interest here
        one._log_destroy_pending = False  # type: ignore[attr-defined]


def test_context_of_the_caller_follows_into_tasks_and_threads() -> None:
    async def run(_context: dict[str, Any]) -> dict[str, Any]:
        async def look() -> str:
            return FOUND.get()

        return done([await asyncio.create_task(look()), await asyncio.to_thread(FOUND.get)])

    token = FOUND.set("the caller's")
    try:
        assert invoke(run, {}) == Success(["the caller's", "the caller's"])
    finally:
        FOUND.reset(token)


def test_async_program_may_run_an_async_handler_in_its_own_process() -> None:
    async def run(_context: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0)
        return done("run")

    async def program() -> Outcome:
        return invoke(run, {})

    assert asyncio.run(program()) == Success("run")


def test_generators_left_open_are_closed_and_the_loop_is_closed() -> None:
    closed: list[str] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def numbers() -> Any:
        try:
            yield 1
        finally:
            closed.append("closed")

    async def run(_context: dict[str, Any]) -> dict[str, Any]:
        loops.append(asyncio.get_running_loop())
        kept.append(numbers())
        return done(await anext(kept[0]))

    kept: list[Any] = []
    assert invoke(run, {}) == Success(1)
    assert closed == ["closed"]
    assert loops[0].is_closed()
