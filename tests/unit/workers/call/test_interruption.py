"""Interrupting a handler on a thread where no signal can reach it."""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from workers.call.pool_signals import Interruptible, LeaseLostError, RunCancelledError, interruptible

if TYPE_CHECKING:
    from collections.abc import Callable


def in_a_thread(act: Callable[[], object]) -> object:
    """Return what `act` returns in a thread of its own."""
    answers: list[object] = []
    thread = Thread(target=lambda: answers.append(act()))
    thread.start()
    thread.join(timeout=10)
    (answer,) = answers
    return answer


def test_handler_that_catches_exception_is_interrupted_once() -> None:
    running = Event()
    stays: list[Interruptible] = []
    answers: list[str] = []

    def handle() -> str:
        try:
            with interruptible() as stay:
                stays.append(stay)
                running.set()
                while True:
                    try:
                        Event().wait(0.001)
                    except Exception:  # noqa: BLE001
                        continue
        except RunCancelledError:
            return "stopped"

    thread = Thread(target=lambda: answers.append(handle()))
    thread.start()
    running.wait(10)
    assert stays[0].interrupt(RunCancelledError)
    assert not stays[0].interrupt(LeaseLostError)
    thread.join(timeout=10)
    assert answers == ["stopped"]


def test_code_after_a_handler_cannot_be_interrupted() -> None:
    def handle() -> bool:
        with interruptible() as stay:
            pass
        return stay.interrupt(RunCancelledError)

    assert in_a_thread(handle) is False


def test_interruption_as_the_handler_returns_is_dropped() -> None:
    def handle() -> str:
        with interruptible() as stay:
            try:
                stay.interrupt(RunCancelledError)
                sum(range(1_000))
            except RunCancelledError:
                pass
        return "went on"

    assert {in_a_thread(handle) for _ in range(50)} == {"went on"}


def test_exception_of_the_handler_itself_passes_through() -> None:
    with pytest.raises(ValueError, match="its own"), interruptible():
        raise ValueError("its own")
