"""Recurrence rules: how they end, how they are pasted, and how fast they are searched."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.samples.schedules import faults, schedule, upcoming, utc, written


def test_rule_ends_with_its_count_or_until() -> None:
    rule = {"type": "rrule", "dtstart": "2026-01-01T09:00"}
    expected = ["01-01 09:00", "01-02 09:00", "01-03 09:00"]
    for end in ("COUNT=3", "UNTIL=20260103", "UNTIL=20260103T090000", "UNTIL=20260103T090000Z"):
        assert upcoming({**rule, "rule": f"RRULE:FREQ=DAILY;{end}"}, "2025-01-01T00:00", 9) == expected


def test_rule_pasted_whole_is_taken_apart() -> None:
    text = (
        "DTSTART;TZID=Europe/Berlin:20260105T090000\r\n"
        "RRULE:FREQ=WEEKLY;COUNT=5;\r\n BYDAY=MO\r\n"
        "EXDATE;TZID=Europe/Berlin:20260112T090000\r\nEXDATE:20260119T080000Z\r\nEXDATE;VALUE=DATE:20260126\r\n"
    )
    one = schedule({"type": "rrule", "rule": text}, default_timezone="Asia/Tokyo")
    assert written(one) == {
        "type": "rrule",
        "dtstart": "2026-01-05T09:00:00",
        "rule": "FREQ=WEEKLY;COUNT=5;BYDAY=MO",
        "exdate": ["2026-01-12T09:00:00", "2026-01-19T08:00:00Z"],
        "timezone": "Europe/Berlin",
        "exclude": ["2026-01-26"],
    }
    assert list(one.occurrences(utc("2026-01-01T00:00"))) == [
        utc("2026-01-05T08:00"),
        utc("2026-02-02T08:00"),
    ]
    assert schedule(written(one)).describe() == one.describe()
    assert "not at 2026-01-12 09:00:00 and 2026-01-19 08:00:00Z" in one.describe()


def test_pasted_rule_in_utc_stays_in_utc() -> None:
    rule = {"type": "rrule", "rule": "DTSTART:20260105T090000Z\nRRULE:FREQ=YEARLY;BYMONTH=7"}
    one = schedule(rule, default_timezone="America/New_York")
    assert one.next_after(utc("2026-01-01T00:00")) == utc("2026-07-05T09:00")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"rule": "DTSTART:20260105T090000Z"}, "has no RRULE"),
        ({"rule": "RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY"}, "RRULE stands twice"),
        ({"rule": "RRULE:FREQ=DAILY\nSUMMARY:Standup"}, "'SUMMARY:Standup' is not a line of a rule"),
        ({"rule": "DTSTART:5.1.2026\nRRULE:FREQ=DAILY"}, "'5.1.2026' is not a moment"),
        (
            {"rule": "DTSTART:20260105T090000Z\nRRULE:FREQ=DAILY", "dtstart": "2026-01-06T09:00"},
            "'dtstart': given in the pasted rule, too",
        ),
        (
            {"rule": "DTSTART;TZID=Asia/Tokyo:20260105T090000\nRRULE:FREQ=DAILY", "timezone": "UTC"},
            "'timezone': given in the pasted rule, too",
        ),
        ({"rule": "DTSTART:20261301T090000\nRRULE:FREQ=DAILY"}, "is not a moment that exists"),
    ],
)
def test_spoilt_pasted_rule_is_refused_with_the_fault(data: dict[str, Any], said: str) -> None:
    assert said in faults({"type": "rrule", **data})


def test_rule_that_began_long_ago_is_searched_fast() -> None:
    one = schedule({"type": "rrule", "rule": "FREQ=SECONDLY;BYMONTH=1", "dtstart": "1970-01-01T00:00"})
    before = time.process_time()
    assert one.next_after(utc("2026-07-01T00:00")) == utc("2027-01-01T00:00")
    assert one.previous_before(utc("2026-07-01T00:00")) == utc("2026-01-31T23:59:59")
    assert time.process_time() - before < 5


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("until", ["99991231T235959", "99991231T235959Z", "99991231"])
def test_rule_until_the_end_of_the_calendar_is_due(zone: str, until: str) -> None:
    rule = {"type": "rrule", "rule": f"FREQ=DAILY;UNTIL={until}", "dtstart": "2026-01-01T12:00"}
    assert len(upcoming({**rule, "timezone": zone}, "2026-01-01T20:00", 3)) == 3
