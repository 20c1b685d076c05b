"""The threads that serve a worker go on whatever error they meet; so does what several of them share."""

from __future__ import annotations

import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from mission_control.messaging.transport.held_messages import HeldMessages
from mission_control.messaging.transport.unacked import Unacked, UnackedKeys
from tests.stage.waiting import wait_until
from workers.attempt.watch import Watch
from workers.process.lease_keeper import LeaseKeeperStep

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def failing_at_first(calls: list[int]) -> Callable[..., Any]:
    def act(*_: Any, **__: Any) -> list[Any]:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("nobody has foreseen this")
        return []

    return act


def test_the_watch_goes_on(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []
    run: Any = SimpleNamespace(timeout_seconds=None)
    ending: Any = SimpleNamespace(ledger=SimpleNamespace(lease=timedelta(seconds=0.1)))
    watch = Watch(ending)
    monkeypatch.setattr(watch, "_look", failing_at_first(calls))
    with watch.over(SimpleNamespace(), run, has_limit=False):
        wait_until(lambda: len(calls) > 2, "it looks again")
    assert "nobody has foreseen this" in caplog.text


def test_the_lease_keeper_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr("workers.process.lease_keeper._vouched_for", failing_at_first(calls))
    installation = SimpleNamespace(ledger=SimpleNamespace(lease=timedelta(seconds=0.1)))
    worker: Any = SimpleNamespace(app=SimpleNamespace(installation=lambda: installation), hostname="w@x")
    step = LeaseKeeperStep(worker)
    step.start(worker)
    wait_until(lambda: len(calls) > 2, "it renews again")
    step.stop(worker)


def test_what_is_held_is_renewed_after_an_error_that_nobody_has_foreseen() -> None:
    calls: list[int] = []
    unacked: Any = SimpleNamespace(renew=failing_at_first(calls))
    held = HeldMessages(unacked, SimpleNamespace(), 0.1)  # type: ignore[arg-type]
    held.add("tag")
    wait_until(lambda: len(calls) > 2, "it renews again")
    held.discard("tag")


def test_what_one_thread_confirms_another_one_waits_for() -> None:
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
    assert threads[1].is_alive(), "it goes on though the message may not be noted yet"
    may_answer.set()
    for one in threads:
        one.join(10)
