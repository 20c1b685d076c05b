"""What each type of schedule means, where clocks do not change."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mission_control.model.definitions.schedules import IntervalSchedule, spread_offset
from tests.samples.schedules import faults, schedule, upcoming, utc, written


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            {"type": "daily", "time": "09:00", "timezone": "Europe/Berlin"},
            "every day at 09:00 (Europe/Berlin)",
        ),
        (
            {"type": "weekly", "days": ["friday", "mon"], "time": "09:00", "timezone": "Europe/Berlin"},
            "every Monday and Friday at 09:00 (Europe/Berlin)",
        ),
        (
            {"type": "monthly", "days": [1, 15, "last"], "times": ["09:00", "17:30:05"]},
            "on the 1st, 15th and last day of every month at 09:00 and 17:30:05 (UTC)",
        ),
        (
            {"type": "monthly", "week": "last", "weekday": "fri", "months": [6, "dec"], "time": "16:00"},
            "on the last Friday of June and December at 16:00 (UTC)",
        ),
        ({"type": "interval", "minutes": 30}, "every 30 minutes"),
        ({"type": "interval", "hours": 1}, "every hour"),
        (
            {"type": "interval", "hours": 1, "seconds": 0.5, "measure_from": "finish"},
            "every 1 hour and 0.5 seconds after the end of the previous run",
        ),
        ({"type": "cron", "expression": "0 9 * * 1-5"}, "at 09:00 on Monday through Friday (UTC)"),
        ({"type": "cron", "expression": "0 12-12/3 * * *"}, "at 12:00 every day (UTC)"),
        ({"type": "cron", "expression": "@hourly"}, "at the start of every hour (UTC)"),
        ({"type": "once", "at": "2026-03-01T09:00:00Z"}, "once at 2026-03-01 09:00 (UTC)"),
        (
            {
                "type": "rrule",
                "rule": "FREQ=MONTHLY;INTERVAL=2;BYDAY=-1FR;BYHOUR=9",
                "dtstart": "2026-01-01T00:30",
            },
            "every 2 months on the last Friday at 09:30 from 2026-01-01 on (UTC)",
        ),
        (
            {"type": "solar", "event": "dawn_civil", "latitude": -33.9, "longitude": -70},
            "every day at civil dawn at 33.9° S, 70° W",
        ),
        (
            {
                "type": "any",
                "schedules": [{"type": "daily", "time": "09:00"}, {"type": "interval", "hours": 6}],
            },
            "every day at 09:00 (UTC); or every 6 hours",
        ),
        (
            {
                "type": "daily",
                "time": "09:00",
                "exclude": ["sat", {"holidays": "DE-BY"}, {"between": ["22:00", "07:00"]}],
                "end": "2026-12-31",
                "spread_seconds": 60,
            },
            (
                "every day at 09:00 (UTC), except on Saturdays, on public holidays in DE-BY and "
                "between 22:00 and 07:00, until 2026-12-31, spread over 60 seconds"
            ),
        ),
    ],
)
def test_schedule_describes_itself_in_plain_words(data: dict[str, Any], words: str) -> None:
    assert schedule(data).describe() == words


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("0 9 * * 1-5", "2026-01-02T10:00", ["01-05 09:00", "01-06 09:00"]),
        ("*/10 0 9 * * *", "2026-01-02T08:59", ["01-02 09:00", "01-02 09:00:10"]),
        ("0 0 13 * FRI", "2026-02-01T00:00", ["02-06 00:00", "02-13 00:00"]),
        ("0 0 */2 * 1", "2026-06-01T00:00", ["06-15 00:00", "06-29 00:00"]),
        ("0 12-12/3 * * *", "2026-01-01T13:00", ["01-02 12:00", "01-03 12:00"]),
        ("0 9 * * Mon-MON/2,fri", "2026-01-01T13:00", ["01-02 09:00", "01-05 09:00", "01-09 09:00"]),
        ("0 12-012/3 5 1-jan/3 *", "2026-01-01T13:00", ["01-05 12:00", "01-05 12:00"]),
        ("0 9 * * 0-SUN/2", "2026-01-01T13:00", ["01-04 09:00", "01-11 09:00"]),
        ("0 12-18/3 1 1 *", "2026-01-01T13:00", ["01-01 15:00", "01-01 18:00", "01-01 12:00"]),
        ("5/15 9 * * *", "2026-01-02T00:00", ["01-02 09:05", "01-02 09:20", "01-02 09:35", "01-02 09:50"]),
        ("0 0 L * *", "2028-02-01T00:00", ["02-29 00:00", "03-31 00:00"]),
        ("0 0 * * 5L", "2026-01-01T00:00", ["01-30 00:00", "02-27 00:00"]),
        ("0 0 * * MON#2", "2026-01-01T00:00", ["01-12 00:00", "02-09 00:00"]),
        ("0 0 * jan,Jul sun", "2026-02-01T00:00", ["07-05 00:00", "07-12 00:00"]),
        ("0 0 29 2 *", "2096-03-01T00:00", ["02-29 00:00"]),
        ("@yearly", "2037-06-01T00:00", ["01-01 00:00", "01-01 00:00"]),
        ("@annually", "2037-06-01T00:00", ["01-01 00:00"]),
        ("@monthly", "2026-01-15T00:00", ["02-01 00:00"]),
        ("@weekly", "2026-01-01T00:00", ["01-04 00:00"]),
        ("@midnight", "2026-01-01T00:00", ["01-02 00:00"]),
        ("@Daily", "2026-01-01T00:00", ["01-02 00:00"]),
    ],
)
def test_cron_expression_fires_as_in_debian(expression: str, after: str, expected: list[str]) -> None:
    assert upcoming({"type": "cron", "expression": expression}, after, len(expected)) == expected


def test_interval_does_not_drift_or_depend_on_the_moment_asked_about() -> None:
    third = schedule({"type": "interval", "seconds": 0.333333})
    moment = utc("2026-01-01T00:00:00")
    for _ in range(1_000):
        following = third.next_after(moment)
        assert following is not None
        assert (following - datetime(1970, 1, 1, tzinfo=UTC)) % timedelta(microseconds=333_333) == timedelta(
            0
        )
        moment = following


def test_anchor_shifts_the_grid_of_an_interval_both_ways() -> None:
    data = {"type": "interval", "hours": 6, "anchor": "2030-01-01T02:00", "timezone": "Europe/Berlin"}
    assert upcoming(data, "2026-01-01T00:00", 2) == ["01-01 01:00", "01-01 07:00"]


def test_interval_measured_from_finish_is_a_fixed_delay() -> None:
    one = schedule({"type": "interval", "minutes": 5, "measure_from": "finish", "start": "2026-01-01"})
    assert isinstance(one, IntervalSchedule)
    assert one.is_fixed_delay
    assert one.next_after(utc("2026-02-01T00:00:07")) == utc("2026-02-01T00:05:07")
    assert one.next_after(utc("2025-06-01T00:00:07")) == utc("2026-01-01T00:00")


def test_start_and_end_are_inclusive() -> None:
    limited = {"type": "daily", "time": "09:00", "start": "2026-01-02T09:00:00Z", "end": "2026-01-03T09:00"}
    assert upcoming(limited, "2026-01-01T00:00", 9) == ["01-02 09:00", "01-03 09:00"]
    by_dates = {"type": "daily", "time": "09:00", "start": "2026-01-02", "end": "2026-01-03"}
    assert upcoming(by_dates, "2025-01-01T00:00", 9) == ["01-02 09:00", "01-03 09:00"]


def test_equal_instants_of_a_union_are_one_occurrence() -> None:
    members = [
        {"type": "daily", "time": "09:00"},
        {"type": "cron", "expression": "0 9,18 * * *", "exclude": ["sun"]},
    ]
    data = {"type": "any", "schedules": members, "exclude": ["sat"]}
    assert upcoming(data, "2026-01-02T00:00", 4) == [
        "01-02 09:00",
        "01-02 18:00",
        "01-04 09:00",
        "01-05 09:00",
    ]


def test_union_members_without_a_zone_use_that_of_the_union() -> None:
    members = [{"type": "daily", "time": "09:00"}, {"type": "daily", "time": "09:00", "timezone": "UTC"}]
    data = {"type": "any", "schedules": members, "timezone": "Asia/Tokyo"}
    assert upcoming(data, "2026-01-02T00:00", 2) == ["01-02 09:00", "01-03 00:00"]


def test_default_zone_becomes_part_of_the_schedule() -> None:
    one = schedule({"type": "daily", "time": "09:00"}, default_timezone="Europe/Berlin")
    assert written(one) == {"type": "daily", "time": "09:00", "timezone": "Europe/Berlin"}
    assert written(schedule({"type": "daily", "time": "09:00"}))["timezone"] == "UTC"


def test_solar_event_that_is_absent_for_months_is_found() -> None:
    tromso = schedule({"type": "solar", "event": "sunrise", "latitude": 69.65, "longitude": 18.96})
    first = tromso.next_after(utc("2026-12-01T00:00"))
    assert first is not None
    assert first.date().isoformat() == "2027-01-15"


def test_spread_is_constant_evenly_distributed_and_below_its_bound() -> None:
    offsets = [spread_offset(f"task-{number}", 60) for number in range(1_000)]
    assert offsets == [spread_offset(f"task-{number}", 60) for number in range(1_000)]
    assert all(timedelta(0) <= offset < timedelta(seconds=60) for offset in offsets)
    assert 400 < sum(offset < timedelta(seconds=30) for offset in offsets) < 600


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "Pacific/Kiritimati", "UTC"])
@pytest.mark.parametrize(
    "limits",
    [
        {"end": "9999-12-31"},
        {"end": "9999-12-31T23:59:59"},
        {"end": "9999-12-31T23:59:59Z"},
        {"start": "0001-01-01"},
        {"start": "0001-01-01T00:00Z", "end": "9999-12-31"},
        {"exclude": [{"from": "9999-01-01", "to": "9999-12-31"}, {"from": "0001-01-01", "to": "1999-12-31"}]},
    ],
)
def test_limit_at_an_end_of_the_calendar_leaves_the_schedule_due(zone: str, limits: dict[str, Any]) -> None:
    plain = {"type": "daily", "time": "12:00", "timezone": zone}
    assert upcoming({**plain, **limits}, "2026-01-01T00:00", 3) == upcoming(plain, "2026-01-01T00:00", 3)


@pytest.mark.parametrize(
    "data",
    [
        {"type": "once", "at": "9999-12-31T23:00", "timezone": "America/New_York"},
        {"type": "once", "at": "9999-12-31T23:00Z", "timezone": "Asia/Tokyo"},
        {"type": "once", "at": "0001-01-01T01:00", "timezone": "Asia/Tokyo"},
        {"type": "daily", "time": "23:00", "timezone": "America/New_York", "start": "9999-12-31"},
        {"type": "rrule", "rule": "FREQ=DAILY", "dtstart": "9999-12-31T23:00Z", "timezone": "Asia/Tokyo"},
        {"type": "interval", "days": 1, "start": "9999-12-31T23:00", "timezone": "America/New_York"},
    ],
)
def test_schedule_beyond_the_calendar_is_refused(data: dict[str, Any]) -> None:
    assert "never happens" in faults(data)


def test_search_beyond_the_calendar_ends_without_an_error() -> None:
    one = schedule({"type": "daily", "time": "09:00", "timezone": "America/New_York"})
    assert one.next_after(datetime(9999, 12, 31, 23, tzinfo=UTC)) is None
    assert one.previous_before(datetime(1, 1, 1, 1, tzinfo=UTC)) is None


def test_used_schedule_can_be_copied_and_pickled() -> None:
    one = schedule({"type": "cron", "expression": "0 9 * * *", "exclude": ["sun", {"holidays": "US"}]})
    due = one.next_after(utc("2026-01-01T00:00"))
    assert copy.deepcopy(one).next_after(utc("2026-01-01T00:00")) == due
    assert pickle.loads(pickle.dumps(one)) == one
