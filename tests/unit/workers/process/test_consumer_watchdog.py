"""A worker that takes no messages sends no heartbeat, reconnects, and ends for its supervisor."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from workers.process.consumer_watchdog import MOST_RECONNECTIONS, ConsumerState, StuckConsumerError


def channel(*, asked_ago: float | None, may_consume: bool = True, queues: tuple[str, ...] = ("a",)) -> Any:
    asked_at = None if asked_ago is None else time.monotonic() - asked_ago
    qos = SimpleNamespace(can_consume=lambda: may_consume)
    return SimpleNamespace(qos=qos, _brpop_sent_at=asked_at, active_queues=queues)


def ago(seconds: float) -> float:
    return time.monotonic() - seconds


@pytest.mark.parametrize(
    ("asked_ago", "began_ago", "may_consume", "takes"),
    [
        (1.0, 500.0, True, True),
        (None, 1.0, True, True),
        (500.0, 1.0, True, True),
        (500.0, 500.0, False, True),
        (15.0, 500.0, True, False),
        (None, 15.0, True, False),
    ],
    ids=["asks", "has just begun", "has just reconnected", "is full", "asked long ago", "never asked"],
)
def test_consumer_that_asks_or_cannot_take_messages_is_not_stuck(
    asked_ago: float | None, began_ago: float, may_consume: bool, takes: bool
) -> None:
    known = ConsumerState(turned_at=0.0)
    asked = channel(asked_ago=asked_ago, may_consume=may_consume)
    assert known.check(asked, since=ago(began_ago)) is takes
    assert known.turned_at > 0


def test_stuck_consumer_reconnects_and_then_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []

    def leave(code: int) -> None:
        ended.append(code)
        raise SystemExit(code)

    monkeypatch.setattr("workers.process.consumer_watchdog.os._exit", leave)
    known = ConsumerState(turned_at=0.0)
    for _ in range(MOST_RECONNECTIONS):
        with pytest.raises(StuckConsumerError, match="has not asked for messages for 30 s"):
            known.check(channel(asked_ago=30.0), since=ago(500.0))
    with pytest.raises(SystemExit):
        known.check(channel(asked_ago=30.0), since=ago(500.0))
    assert ended == [70]


def test_stuck_consumer_that_asks_again_may_reconnect_as_often_as_before() -> None:
    known = ConsumerState(turned_at=0.0, reconnections=MOST_RECONNECTIONS)
    assert not known.check(channel(asked_ago=None), since=ago(0.1))
    assert known.check(channel(asked_ago=0.5), since=ago(5.0))
    assert known.reconnections == 0


@pytest.mark.parametrize("excuse", [{"queues": ()}, {"may_consume": False}], ids=["paused", "full"])
def test_paused_or_full_consumer_is_not_stuck_even_when_it_may_take_messages_again(
    excuse: dict[str, Any],
) -> None:
    known = ConsumerState(turned_at=0.0)
    assert known.check(channel(asked_ago=500.0, **excuse), since=ago(900.0))
    assert known.check(channel(asked_ago=500.0), since=ago(900.0))


def test_consumer_of_a_broker_that_pushes_is_not_stuck() -> None:
    assert ConsumerState(turned_at=0.0).check(SimpleNamespace(), since=ago(500.0))
