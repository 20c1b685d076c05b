"""`notify test`, `notify who` and what `status` says of channels, typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mission_control.operate.notified import SET_UP
from mission_control.processes.heartbeats import Heartbeat
from mission_control.store import redis_keys
from tests.stage.command_line import mc

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation


@pytest.fixture(autouse=True)
def _worker(installation: Installation) -> None:
    Heartbeat(installation.client, "worker", "w@1").beat(queues=["default"], concurrency=1, channels=["ops"])


def test_unknown_channel_is_refused_with_those_that_workers_have() -> None:
    answer = mc("notify", "test", "opps")
    assert answer.code == 3
    assert "no live worker has the channel 'opps'; did you mean \"ops\"?" in answer.err
    assert "they have: ops" in answer.err


def test_test_message_that_no_worker_takes_times_out(installation: Installation) -> None:
    answer = mc("notify", "test", "OPS", "--timeout", "0.1")
    assert answer.code == 6
    (run,) = installation.ledger.active()
    assert (run.handler, run.params["to"]) == ("handlers.notification.run", ["ops"])
    assert mc("notify", "test", "ops", "--dry-run").code == 0
    assert installation.ledger.active_count() == 1


def test_who_shows_channels_what_is_missing_and_open_incidents(installation: Installation) -> None:
    daily = {"schedule": {"type": "daily", "time": "09:00"}, "handler": "handlers.hello.run"}
    given = {"on": ["failure", "late", "budget"], "to": ["ops", "default"]}
    assert installation.registry.register({"id": "tea", **daily})
    assert installation.registry.register({"id": "cake", **daily, "notify": given})
    incident = (
        '{"failure": {"event": "failure", "task": "cake", "to": ["ops"], "since": "2026-03-02T09:00:00Z", '
        '"causes": ["x"], "text": "no \\u001b flour"}}'
    )
    installation.client.hset(redis_keys.INCIDENTS, "cake", incident)
    found = mc("notify", "who", "cake", "--json").json
    assert (found["on"], found["to"]) == (["failure", "late", "budget"], ["ops", "default"])
    assert found["problems"] == [
        f"no live worker has the channel default: {SET_UP.format('DEFAULT')}",
    ]
    assert [(one["event"], one["count"]) for one in found["incidents"]] == [("failure", 1)]
    shown = mc("notify", "who", "cake")
    assert "since 2026-03-02 09:00:00 UTC: no " in shown.out
    assert "\x1b" not in shown.out
    assert "set MISSION_CONTROL_NOTIFY_DEFAULT" in mc("notify", "who", "tea").err
    assert mc("notify", "who", "milk").code == 3


def test_status_says_that_failures_are_reported_to_no_one_without_a_default_channel(
    installation: Installation,
) -> None:
    reported = mc("status", "--json").json["notifications"]
    assert reported["channels"] == ["ops"]
    assert "set MISSION_CONTROL_NOTIFY_DEFAULT" in reported["warning"]
    assert "failures are only recorded" in mc("status").out
    Heartbeat(installation.client, "worker", "w@1").beat(
        queues=["default"], concurrency=1, channels=["default"]
    )
    assert mc("status", "--json").json["notifications"] == {"channels": ["default"], "warning": None}
