from __future__ import annotations

from datetime import date, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from workers.briefings.agenda import AgendaEntry, events_on

if TYPE_CHECKING:
    from pathlib import Path

BERLIN = ZoneInfo("Europe/Berlin")


def events(folder: Path, *lines: str, day: date = date(2025, 10, 26)) -> list[AgendaEntry]:
    path = folder / "mine.ics"
    body = ["BEGIN:VEVENT", "UID:1", "SUMMARY:It", *lines, "END:VEVENT"]
    path.write_text("\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:t", *body, "END:VCALENDAR", ""]))
    return events_on(path, day, BERLIN)


@pytest.mark.parametrize(
    ("lines", "start", "end"),
    [
        (["DTSTART;VALUE=DATE:20251026"], None, None),
        (["DTSTART;VALUE=DATE:20251020", "DTEND;VALUE=DATE:20251030"], None, None),
        (["DTSTART:20251026T080000Z", "DTEND:20251026T090000Z"], time(9), time(10)),
        (["DTSTART;TZID=America/New_York:20251026T090000", "DURATION:PT1H"], time(14), time(15)),
        (["DTSTART:20251025T220000Z", "DTEND:20251025T223000Z"], time(0), time(0, 30)),
        (["DTSTART:20251026T210000Z", "DTEND:20251027T050000Z"], time(22), None),
        (["DTSTART:20251025T100000Z", "DTEND:20251026T050000Z"], None, time(6)),
        (["DTSTART:20250101T080000Z", "DTEND:20250101T081500Z", "RRULE:FREQ=DAILY"], time(9), time(9, 15)),
        (["DTSTART;TZID=Europe/Berlin:20250101T090000", "RRULE:FREQ=WEEKLY;BYDAY=SU"], time(9), time(9)),
    ],
)
def test_event_that_touches_the_day_has_local_times(
    tmp_path: Path, lines: list[str], start: time | None, end: time | None
) -> None:
    assert events(tmp_path, *lines) == [AgendaEntry("It", "", start, end)]


@pytest.mark.parametrize(
    "lines",
    [
        ["DTSTART;VALUE=DATE:20251025"],
        ["DTSTART;VALUE=DATE:20251027"],
        ["DTSTART:20251025T210000Z", "DTEND:20251025T220000Z"],
        ["DTSTART:20251026T230000Z"],
        ["DTSTART:20251026T080000Z", "STATUS:CANCELLED"],
        ["DTSTART:20251019T080000Z", "RRULE:FREQ=WEEKLY", "EXDATE:20251026T080000Z"],
    ],
)
def test_event_of_another_day_is_left_out(tmp_path: Path, lines: list[str]) -> None:
    assert events(tmp_path, *lines) == []


@pytest.mark.parametrize("lines", [["DTSTART:20251026T080000Z", "RRULE:FREQ=SECONDLY"], ["DTSTART:soon"]])
def test_malformed_or_endless_event_is_an_error(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(ValueError, match=r"(every minute or second|understood|not an iCalendar)"):
        events(tmp_path, *lines)
