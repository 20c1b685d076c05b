"""The threads of a worker go on after any error, and wait for each other where they share messages."""

from __future__ import annotations

import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from mission_control.messaging.transport.held_messages import HeldMessages
from mission_control.messaging.transport.unacked import Unacked, UnackedKeys
from tests.stage.waiting import wait_until
from workers.attempt.attempt_guard import AttemptGuard
from workers.process.lease_keeper import LeaseKeeperStep

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def failing_at_first(calls: list[int]) -> Callable[..., Any]:
    def act(*_: Any, **__: Any) -> list[Any]:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("unexpected")
        return []

    return act


def test_attempt_guard_that_meets_an_unexpected_error_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[int] = []
    run: Any = SimpleNamespace(timeout_seconds=None)
    ending: Any = SimpleNamespace(ledger=SimpleNamespace(lease=timedelta(seconds=0.1)))
    guard = AttemptGuard(ending)
    monkeypatch.setattr(guard, "_look", failing_at_first(calls))
    with guard.over(SimpleNamespace(), run, has_limit=False):
        wait_until(lambda: len(calls) > 2, "it looks again")
    assert "unexpected" in caplog.text


def test_lease_keeper_that_meets_an_unexpected_error_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr("workers.process.lease_keeper._vouched_for", failing_at_first(calls))
    worker: Any = SimpleNamespace(hostname="w@x")
    step = LeaseKeeperStep(worker)
    step.ledger = SimpleNamespace(lease=timedelta(seconds=0.1))  # type: ignore[assignment]
    step.start(worker)
    wait_until(lambda: len(calls) > 2, "it renews again")
    step.stop(worker)


def test_held_messages_after_an_unexpected_error_are_still_renewed() -> None:
    calls: list[int] = []
    unacked: Any = SimpleNamespace(renew=failing_at_first(calls))
    held = HeldMessages(unacked, SimpleNamespace(), 0.1)  # type: ignore[arg-type]
    held.add("tag")
    wait_until(lambda: len(calls) > 2, "it renews again")
    held.discard("tag")


def test_message_that_one_thread_confirms_blocks_the_other_thread() -> None:
    is_asked, may_answer = threading.Event(), threading.Event()

    def answer(*_: Any) -> None:
        is_asked.set()
        may_answer.wait(10)

    pool = SimpleNamespace(
        get_connection=lambda: SimpleNamespace(
            pack_commands=list, send_packed_command=lambda _: None, disconnect=lambda: None
        ),
        release=lambda _: None,
    )
    client: Any = SimpleNamespace(
        connection_pool=pool, parse_response=answer, register_script=lambda text: SimpleNamespace(script=text)
    )
    unacked = Unacked(client, UnackedKeys("unacked", "unacked_index"))
    unacked.hold_soon("tag", b"[]")
    threads = [threading.Thread(target=unacked.confirm_sent) for _ in range(2)]
    threads[0].start()
    assert is_asked.wait(10)
    threads[1].start()
    threads[1].join(0.3)
    assert threads[1].is_alive(), "it does not wait for the message to be noted"
    may_answer.set()
    for one in threads:
        one.join(10)
