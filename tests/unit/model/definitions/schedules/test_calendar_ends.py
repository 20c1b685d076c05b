"""Calendar files with events at the ends of the calendar, and rules that never happen."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import dateutil.rrule
import pytest

from mission_control.model.definitions.schedules.clock.wall_clock import to_local
from mission_control.model.definitions.schedules.exclusions.ics_calendar import IcsCalendar
from tests.samples.calendars import calendar, event
from tests.samples.schedules import schedule, utc

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(
    "far",
    [
        "DTSTART;VALUE=DATE:99991231",
        "DTSTART;TZID=Asia/Tokyo:99991231T235959",
        "DTSTART:99991231T235959Z\nDURATION:P1D",
        "DTSTART:20260317T120000Z\nDURATION:P9999999D",
        "DTSTART;VALUE=DATE:20260317\nDTEND;VALUE=DATE:99991231",
        "DTSTART;TZID=America/New_York:20260317T080000\nDTEND;TZID=America/New_York:99991231T235959",
        "DTSTART;TZID=America/New_York:20260317T080000\nRRULE:FREQ=YEARLY;UNTIL=99991231",
        "DTSTART;TZID=Asia/Tokyo:00010101T000000\nDTEND:20260317T120001Z",
        "DTSTART:00010317T120000Z\nRRULE:FREQ=YEARLY",
        "DTSTART:20260317T120000Z\nRDATE:99991231T235959Z",
    ],
)
@pytest.mark.parametrize("name", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_event_at_an_end_of_the_calendar_refuses_no_other_event(far: str, name: str) -> None:
    near = event("DTSTART:20260318T120000Z\nDTEND:20260318T130000Z").replace("one@", "two@")
    found = IcsCalendar("a.ics", calendar(event(far) + near))
    zone = ZoneInfo(name)
    assert found.event_at(to_local(datetime(2026, 3, 18, 12, 30, tzinfo=UTC), zone), zone) is not None
    assert found.event_at(datetime(9999, 12, 31, 12), zone) is None  # noqa: DTZ001


def test_event_until_the_last_day_of_the_calendar_never_ends() -> None:
    text = calendar(event("DTSTART;VALUE=DATE:20260317\nDTEND;VALUE=DATE:99991231"))
    one = schedule(
        {"type": "daily", "time": "12:00", "exclude": [{"ics": "a.ics"}]}, read_text=lambda _: text
    )
    assert [due.day for due in one.occurrences(utc("2026-03-14T13:00"))] == [15, 16]


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=HOURLY;BYMONTH=4;BYMONTHDAY=31;UNTIL=20300101T000000Z",
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=HOURLY;INTERVAL=2;BYHOUR=7",
    ],
)
def test_event_whose_rule_never_happens_is_there_once_and_is_not_searched_for(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[object] = []

    def noted(searched_rule: object) -> Iterator[datetime]:
        searched.append(searched_rule)
        yield from ()

    monkeypatch.setattr(dateutil.rrule.rrule, "_iter", noted)
    text = calendar(event("DTSTART:20260317T083000Z\nDURATION:PT1H", f"RRULE:{rule}\n"))
    found = IcsCalendar("a.ics", text).events(date(2026, 1, 1), date(2028, 12, 31))
    assert [f"{one.start:%Y-%m-%d}" for one in found] == ["2026-03-17"]
    assert searched == []
