"""What schedules leave out, in local time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.samples.schedules import faults, schedule, upcoming, utc, written

if TYPE_CHECKING:
    from pathlib import Path

HOURLY = {"type": "cron", "expression": "0 * * * *"}
NOON = {"type": "daily", "time": "12:00"}
CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//calendar//EN
BEGIN:VEVENT
UID:1@example.org
DTSTART;VALUE=DATE:20260105
DTEND;VALUE=DATE:20260107
SUMMARY:Away
END:VEVENT
BEGIN:VEVENT
UID:2@example.org
DTSTART;TZID=Europe/Berlin:20260108T113000
DTEND;TZID=Europe/Berlin:20260108T123000
RRULE:FREQ=WEEKLY;COUNT=2
SUMMARY:Lunch
END:VEVENT
BEGIN:VEVENT
UID:3@example.org
DTSTART:20260109T100000Z
DTEND:20260109T120000Z
STATUS:CANCELLED
SUMMARY:Called off
END:VEVENT
END:VCALENDAR
"""


@pytest.mark.parametrize(
    ("exclude", "expected"),
    [
        (["2026-01-02"], ["01-01 12:00", "01-03 12:00"]),
        (["saturday", "Sun"], ["01-01 12:00", "01-02 12:00", "01-05 12:00"]),
        ([{"from": "2026-01-01", "to": "2026-01-09"}], ["01-10 12:00"]),
        (
            [{"holidays": "DE-BY"}],
            ["01-02 12:00", "01-03 12:00", "01-04 12:00", "01-05 12:00", "01-07 12:00"],
        ),
        (
            [{"holidays": "DE-BE"}],
            ["01-02 12:00", "01-03 12:00", "01-04 12:00", "01-05 12:00", "01-06 12:00"],
        ),
        ([{"between": ["11:00", "12:00"]}], ["01-01 12:00"]),
    ],
)
def test_excluded_days_and_hours_have_no_occurrence(exclude: list[Any], expected: list[str]) -> None:
    data = {**NOON, "exclude": exclude}
    assert upcoming(data, "2026-01-01T00:00", max(1, len(expected))) == expected


def test_quiet_hours_reach_over_midnight_in_the_schedules_zone() -> None:
    data = {**HOURLY, "timezone": "Asia/Tokyo", "exclude": [{"between": ["22:00", "07:00"]}]}
    assert upcoming(data, "2026-01-01T11:30", 3) == ["01-01 12:00", "01-01 22:00", "01-01 23:00"]


def test_calendar_events_all_day_timed_and_repeated_are_excluded() -> None:
    data = {**NOON, "timezone": "Europe/Berlin", "exclude": [{"ics": "away.ics"}], "start": "2026-01-04"}
    one = schedule(data, read_text=lambda _: CALENDAR)
    days = [due.day for due in one.occurrences(utc("2026-01-01T00:00"), utc("2026-01-24T00:00"))]
    assert days == [4, 7, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22, 23]
    assert written(one) == {
        "type": "daily",
        "time": "12:00",
        **{k: data[k] for k in ("timezone", "start", "exclude")},
    }


def missing(path: Path) -> str:
    raise FileNotFoundError(2, "No such file or directory", str(path))


@pytest.mark.parametrize(
    ("read_text", "said"),
    [
        (missing, "'away.ics' cannot be read: No such file or directory"),
        (lambda _: "root:x:0:0", "'away.ics' is not an iCalendar file"),
        (lambda _: "", "'away.ics' is not an iCalendar file"),
        (
            lambda _: CALENDAR.replace("FREQ=WEEKLY", "FREQ=SECONDLY"),
            "an event in 'away.ics' happens every minute or second",
        ),
    ],
)
def test_unusable_calendar_is_refused_without_quoting_its_text(read_text: Any, said: str) -> None:
    complaint = faults({**NOON, "exclude": [{"ics": "away.ics"}]}, read_text=read_text)
    assert said in complaint
    assert "root" not in complaint


def test_wholly_excluded_schedule_is_refused() -> None:
    every_day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    before = time.process_time()
    for rule in (NOON, HOURLY, {"type": "interval", "seconds": 1}):
        assert "that never happens" in faults({**rule, "exclude": every_day})
    assert "that never happens" in faults({**NOON, "exclude": [{"between": ["12:00", "12:01"]}]})
    assert time.process_time() - before < 10


def test_long_excluded_stretch_is_skipped_at_once() -> None:
    data = {"type": "interval", "seconds": 1, "exclude": [{"from": "2026-01-01", "to": "2045-12-31"}]}
    assert upcoming(data, "2026-01-01T00:00", 1) == ["01-01 00:00"]
    assert schedule(data).next_after(utc("2026-01-01T00:00")) == utc("2046-01-01T00:00")
