"""Conditions on the command line, and the next occurrences as a calendar file."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from icalendar import Calendar

from mission_control.store import redis_keys
from tests.stage.command_line import mc

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

NINE = '{"type": "daily", "time": "09:00", "timezone": "Europe/Berlin", "start": "2097-01-01"}'
FRIDAY = "2097-01-04T00:00Z"


def add(task_id: str, *options: str) -> None:
    answer = mc(
        "task", "add", "--id", task_id, "--schedule", NINE, "--handler", "handlers.hello.run", *options
    )
    assert answer.code == 0, answer.err


def test_condition_is_shown_wherever_its_task_is(installation: Installation) -> None:
    add("tea", "--set", 'condition="workday"')
    add("file", "--set", 'condition={"file_changed": "/srv/none.csv"}')
    days = mc("next", "tea", "--from", FRIDAY, "-n", "3", "--json").json
    assert [one.get("condition") for one in days] == [
        None,
        "condition workday: Saturday 2097-01-05",
        "condition workday: Sunday 2097-01-06",
    ]
    assert "condition workday: Saturday 2097-01-05" in mc("next", "tea", "--from", FRIDAY).out
    assert (
        "if /srv/none.csv has changed; now: no (there is no file /srv/none.csv)"
        in mc("task", "show", "file").out
    )
    installation.client.hset(redis_keys.history("file"), "consecutive_skips", 3)
    assert "file: 3 occurrences in a row" in mc("status").out
    assert mc("status", "--json").json["skipped_in_a_row"] == {"file": 3}
    assert "its condition is not asked: on workdays" in mc("task", "run", "tea", "--dry-run").err


def events_of(*args: str) -> dict[str, Any]:
    answer = mc("next", *args, "--ics")
    assert answer.code == 0, answer.err
    calendar = Calendar.from_ical(answer.out)
    assert (calendar["version"], calendar["prodid"]) == ("2.0", "-//Mission Control//EN")
    return {str(event["uid"]): event for event in calendar.walk("VEVENT")}


def test_calendar_has_occurrences_by_their_ids_as_they_will_run(installation: Installation) -> None:
    add("tea", "--set", 'condition="workday"', "--name", "Tea; and, cake")
    add("quiet")
    mc("task", "skip", "quiet", "--at", "2097-01-02T08:00Z", "--reason", "no water")
    mc("task", "move", "quiet", "--at", "2097-01-03T08:00Z", "--to", "2097-01-03T09:30Z")
    mc("pause", "quiet", "--until", "2097-01-02T00:00Z")
    mc("task", "disable", "quiet")
    assert {one.partition("@")[0] for one in events_of("--from", "2096-12-31T00:00Z")} == {"tea"}
    tea = events_of("tea", "--from", FRIDAY, "-n", "2")
    assert [(name, str(one["status"])) for name, one in tea.items()] == [
        ("tea@20970104T080000Z", "CONFIRMED"),
        ("tea@20970105T080000Z", "CANCELLED"),
    ]
    assert str(tea["tea@20970104T080000Z"]["summary"]) == "Tea; and, cake"
    assert "condition workday: Saturday" in str(tea["tea@20970105T080000Z"]["description"])
    quiet = events_of("quiet", "--from", "2096-12-31T00:00Z", "-n", "4")
    found = {name: (one["dtstart"].dt, str(one["status"])) for name, one in quiet.items()}
    assert found == {
        "quiet@20970101T080000Z": (datetime(2097, 1, 1, 8, tzinfo=UTC), "TENTATIVE"),
        "quiet@20970102T080000Z": (datetime(2097, 1, 2, 8, tzinfo=UTC), "CANCELLED"),
        "quiet@20970103T080000Z": (datetime(2097, 1, 3, 9, 30, tzinfo=UTC), "CONFIRMED"),
        "quiet@20970104T080000Z": (datetime(2097, 1, 4, 8, tzinfo=UTC), "CONFIRMED"),
    }
    assert "no water" in str(quiet["quiet@20970102T080000Z"]["description"])
    assert installation.registry.ids() == ["quiet", "tea"]


def test_calendar_of_a_bare_schedule_is_refused(installation: Installation) -> None:
    answer = mc("next", "--schedule", NINE, "--ics")
    assert answer.code == 2
    assert "--ics is for tasks" in answer.err
    assert installation.registry.ids() == []


def test_backfill_leaves_out_what_the_condition_would_have_skipped(installation: Installation) -> None:
    add("tea", "--set", 'condition="workday"', "--set", 'schedule.start="2024-01-01"')
    week = ("--from", "2024-03-04T00:00Z", "--to", "2024-03-11T00:00Z", "--json")
    shown = mc("task", "backfill", "tea", *week)
    assert shown.code == 0, shown.err
    assert (shown.json["count"], shown.json["last"]) == (5, "2024-03-08T08:00:00Z")
    assert installation.ledger.active_count() == 0
