"""`mission-control status`: what beat quarantined, and what it did."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mission_control.operate import exposure
from mission_control.store import redis_keys
from tests.stage.command_line import mc

if TYPE_CHECKING:
    import pytest

    from mission_control.installation.installation import Installation

DAILY = '{"type": "daily", "time": "09:00", "timezone": "Europe/Berlin"}'


def test_quarantined_entry_is_shown_by_status_and_task_list(installation: Installation) -> None:
    args = ("--id", "greet", "--schedule", DAILY, "--handler", "handlers.hello.run")
    assert mc("task", "add", *args).code == 0
    note = json.dumps({"problem": "no longer understood", "since": "2026-01-01T00:00:00Z"})
    installation.client.hset(redis_keys.BEAT_QUARANTINE, redis_keys.DEFAULT_REDBEAT_KEYS.entry("greet"), note)
    assert mc("status", "--json").json["tasks"]["quarantined"] == {"greet": "no longer understood"}
    assert "greet is quarantined: no longer understood" in mc("status").out
    assert "quarantined" in mc("task", "list").out


def test_journal_shows_the_last_actions_of_beat(installation: Installation) -> None:
    assert mc("status", "--journal").err == "beat has done nothing yet\n"
    fired = {"event": "fired", "at": "2026-01-01T08:00:00Z", "beat": "vm:1", "fired": "3", "missed": "1"}
    aside = {"event": "quarantined", "at": "2026-01-01T08:00:01Z", "key": "redbeat:x", "problem": "no task"}
    for note in (fired, aside):
        fields: dict[Any, Any] = {**note}
        installation.client.xadd(redis_keys.BEAT_JOURNAL, fields)
    assert mc("status", "--journal", "--json").json == [fired, aside]
    assert mc("status", "--journal", "-n", "1", "--json").json == [aside]
    shown = mc("status", "--journal").out
    assert "beat vm:1, fired 3, missed 1" in shown
    assert "redbeat:x: no task" in shown


def test_redis_without_a_password_that_others_can_reach_is_warned_of(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "warning" not in mc("status", "--json").json["redis"]
    monkeypatch.setattr(exposure, "is_loopback", lambda _: False)
    assert mc("status", "--json").json["redis"]["warning"].startswith("no password, and others can reach it")
    assert "`mission-control redis-acl --role worker`" in mc("status").out
    assert installation.redis_url.startswith("redis://127.0.0.1")
