"""What is said of an outage: its beginning, that it goes on, its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mission_control.events import events
from mission_control.events.outages import Outage

if TYPE_CHECKING:
    import pytest


def test_outage_is_reported_at_once_then_every_minute_and_once_when_over() -> None:
    now = 1_000.0
    outage = Outage(lambda: now)
    said = []
    for second in range(150):
        now = 1_000.0 + second
        said += [second] if outage.goes_on() else []
    assert said == [0, 60, 120]
    assert (outage.is_over(), outage.is_over()) == (149.0, None)
    assert outage.goes_on()


def test_trouble_after_a_quiet_minute_is_a_new_outage() -> None:
    now = 1_000.0
    outage = Outage(lambda: now)
    assert outage.goes_on()
    now += 90
    assert outage.goes_on()
    assert not outage.goes_on()
    assert outage.is_over() == 0


def test_outages_of_ledger_and_broker_are_kept_apart(caplog: pytest.LogCaptureFixture) -> None:
    events.redis_is_back()
    events.redis_is_back("broker")
    caplog.clear()
    caplog.set_level("INFO", "mission_control")
    for _ in range(3):
        events.waiting_for_redis(ConnectionError("gone"))
        events.waiting_for_redis(ConnectionError("gone"), "broker")
        events.redis_is_back()
    events.redis_is_back("broker")
    sentences = [record.getMessage().split("  ")[0] for record in caplog.records]
    assert sentences.count("waiting for Redis") == 4
    assert sentences.count("Redis is back") == 4
    assert [getattr(record, "of", None) for record in caplog.records].count("broker") == 2
