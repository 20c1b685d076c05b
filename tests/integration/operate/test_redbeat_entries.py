"""RedBeat entries are shown where tasks are: by `status` and by `task list`."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from celery.schedules import crontab, schedule
from redbeat import RedBeatSchedulerEntry
from redbeat.schedules import rrule

from mission_control.installation.installation import create_app
from mission_control.operate.redbeat_entries import redbeat_entries
from mission_control.store.redis_keys import DEFAULT_REDBEAT_KEYS
from tests.samples.spoilt import plain
from tests.stage.command_line import mc
from tests.stage.live_installation import YEARLY

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

HANDLER = "handlers.hello.run"
SCHEDULES = {
    "by-cron": (crontab(minute="5", hour="*/2"), "crontab 5 */2 * * *"),
    "by-rule": (rrule("DAILY", dtstart=datetime(2026, 1, 1, tzinfo=UTC)), "rrule DAILY"),
    "by-span": (schedule(90), "every 1 min 30 s"),
}


def put(installation: Installation, name: str | bytes, fields: dict[Any, Any], due: float) -> None:
    key: Any = b"redbeat:" + name if isinstance(name, bytes) else f"redbeat:{name}"
    installation.client.hset(key, mapping=fields)
    installation.client.zadd(DEFAULT_REDBEAT_KEYS.schedule, {key: due})


@pytest.fixture
def saved(installation: Installation) -> Installation:
    installation.registry.register({"id": "tea", "schedule": YEARLY, "handler": HANDLER})
    app = create_app("other", lambda: installation)
    for name, (when, _) in SCHEDULES.items():
        RedBeatSchedulerEntry(name, HANDLER, when, app=app, enabled=name != "by-rule").save()
    return installation


def test_saved_entries_are_listed_with_their_schedules_and_tasks_are_not(saved: Installation) -> None:
    found = {one.name: one for one in redbeat_entries(saved.client, saved.redbeat_keys)}
    assert {name: one.schedule for name, one in found.items()} == {
        name: w for name, (_, w) in SCHEDULES.items()
    }
    assert {name for name, one in found.items() if not one.enabled} == {"by-rule"}
    assert {one.sends for one in found.values()} == {HANDLER}
    assert found["by-span"].due - datetime.now(UTC) < timedelta(seconds=90)


def test_overdue_entry_is_shown_by_status_and_task_list(saved: Installation) -> None:
    saved.client.zadd(DEFAULT_REDBEAT_KEYS.schedule, {"redbeat:by-span": datetime.now(UTC).timestamp() - 600})
    listed = mc("task", "list").out.splitlines()
    (line,) = (one for one in listed if one.startswith("by-span"))
    assert f"RedBeat entry, every 1 min 30 s: sends {HANDLER}" in line
    assert re.search("10 min .*ago", line)
    assert not any(one.startswith("by-rule") for one in listed)
    assert "by-rule" in mc("task", "list", "--all").out
    assert re.search("10 min .*ago +by-span, every 1 min 30 s", mc("status").out)
    assert mc("status", "--json").json["redbeat_entries"][0]["name"] == "by-span"
    assert [one["id"] for one in mc("task", "list", "--json").json] == ["tea"]


def test_entries_that_cannot_be_read_are_shown_without_their_schedule(installation: Installation) -> None:
    put(installation, b"\xff\x1b[2J", plain(), 1.0)
    put(installation, "no-json", {"definition": "{oops"}, 2.0)
    put(installation, "no-text", {"definition": b"\xff"}, 3.0)
    put(installation, "no-freq", plain(schedule={"__type__": "rrule", "freq": 99}), 4.0)
    put(installation, "endless", plain(schedule={"__type__": "interval", "every": 1e300}), 5.0)
    put(installation, "ended", plain(), -1.0)
    put(installation, "never", plain(), float("inf"))
    installation.client.set("redbeat:string", "x")
    installation.client.zadd(DEFAULT_REDBEAT_KEYS.schedule, {"redbeat:string": 6.0})
    found = {
        one.name: one.schedule for one in redbeat_entries(installation.client, installation.redbeat_keys)
    }
    unreadable = dict.fromkeys(("no-json", "no-text", "no-freq", "endless", "string"), "unreadable")
    assert found == {"\\xff\x1b[2J": "every 1 min", **unreadable}
    assert json.loads(mc("status", "--json").out)["redbeat_entries"]
    assert "\x1b[2J" not in mc("task", "list").out + mc("status").out
