"""The threads of a worker go on after any error."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from mission_control.messaging.transport.held_messages import HeldMessages
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
    run: Any = SimpleNamespace(timeout_seconds=None, execution_id="a@1")
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
