"""When Redis failed a process is stored once it answers again, and several short failures are one outage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from mission_control.events import events
from mission_control.events.outages import Outage
from mission_control.messaging.outage_history import store_outages, stored_outages
from mission_control.store import redis_keys

if TYPE_CHECKING:
    from redis import Redis

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
FULL = "is full: raise its maxmemory"


class Hand:
    """A clock that is set by hand."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def outage(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> Outage:
    one = Outage(hand)
    monkeypatch.setattr(events, "OUTAGES", {"ledger": one})
    monkeypatch.setattr("mission_control.messaging.outage_history.OUTAGES", {"ledger": one})
    return one


@pytest.fixture
def client() -> Redis:
    from fakeredis import FakeRedis

    client: Redis = FakeRedis(decode_responses=True)
    return client


def lasts(hand: Hand, outage: Outage, seconds: float, why: str = FULL) -> None:
    outage.goes_on(why)
    hand.now += seconds
    outage.is_over()


def stored(client: Redis) -> list[tuple[str, str, timedelta, timedelta]]:
    found = stored_outages(client, NOW - timedelta(days=1), NOW + timedelta(days=1))
    return [(one.kind, one.why, NOW - one.since, NOW - one.until) for one in found]


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def test_outage_is_stored_with_its_times_once(hand: Hand, outage: Outage, client: Redis) -> None:
    lasts(hand, outage, 40)
    hand.now += 5
    for _ in range(2):
        store_outages(client, "beat", lambda: NOW)
    assert stored(client) == [("beat", FULL, seconds(45), seconds(5))]
    assert not stored_outages(client, NOW, NOW + timedelta(days=1))


def test_outage_that_goes_on_and_blips_are_not_stored(hand: Hand, outage: Outage, client: Redis) -> None:
    lasts(hand, outage, 0.2)
    outage.goes_on(FULL)
    store_outages(client, "beat", lambda: NOW)
    assert not client.exists(redis_keys.OUTAGES)


def test_failures_between_which_some_request_succeeds_are_one_outage(
    hand: Hand, outage: Outage, client: Redis
) -> None:
    for _ in range(40):
        lasts(hand, outage, 0.1)
        store_outages(client, "worker", lambda: NOW - seconds(1_020 - hand.now))
        hand.now += 0.4
    store_outages(client, "worker", lambda: NOW)
    lasts(hand, outage, 3)
    store_outages(client, "worker", lambda: NOW + seconds(3))
    assert stored(client) == [("worker", FULL, seconds(20), seconds(-3))]


def test_outage_after_which_nothing_was_asked_ends_with_its_last_failure(hand: Hand, outage: Outage) -> None:
    outage.goes_on(FULL)
    hand.now += 10
    outage.goes_on(FULL)
    hand.now += 3_600
    assert outage.is_over() == 10


def test_reasons_and_kinds_stay_apart_and_damage_is_passed_over(
    hand: Hand, outage: Outage, client: Redis
) -> None:
    lasts(hand, outage, 10, "is a read-only replica: wait")
    lasts(hand, outage, 10)
    store_outages(client, "beat", lambda: NOW)
    client.lpush(redis_keys.OUTAGES, "{", '["beat", "x", "never", "never"]', "[1]")
    assert [why for _, why, *_ in stored(client)] == ["is a read-only replica: wait", FULL]


def test_history_is_bounded(hand: Hand, outage: Outage, client: Redis) -> None:
    for _ in range(11):
        for _ in range(100):
            lasts(hand, outage, 2)
            hand.now += 60
        store_outages(client, "beat", lambda: NOW)
    assert client.llen(redis_keys.OUTAGES) == 1_000


def test_failed_store_is_made_up_for(
    hand: Hand, outage: Outage, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasts(hand, outage, 10)
    with monkeypatch.context() as broken:
        broken.setattr(client, "pipeline", Mock(side_effect=RedisConnectionError("gone")))
        with pytest.raises(RedisConnectionError):
            store_outages(client, "beat", lambda: NOW)
    store_outages(client, "beat", lambda: NOW)
    assert stored(client) == [("beat", FULL, seconds(10), seconds(0))]
