"""Calendar files in the shapes that real programs export, and files that are no calendar."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mission_control.model.definitions.schedules.exclusions.ics_calendar import IcsCalendar
from tests.samples.calendars import calendar, event
from tests.samples.schedules import faults, schedule, utc

BERLIN = ZoneInfo("Europe/Berlin")
BERLIN_RULES = """BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
TZNAME:CEST
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
TZNAME:CET
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD"""


def zone(name: str) -> str:
    return f"BEGIN:VTIMEZONE\nTZID:{name}\n{BERLIN_RULES}\nEND:VTIMEZONE\n"


WEEKLY = "RRULE:FREQ=WEEKLY;UNTIL=20260331T073000Z;BYDAY=TU"
# Each has the same meeting: Tuesdays from 17 to 31 March 2026, 09:30 to 10:00 in Berlin, but not on the 24th.
PROGRAMS = {
    "Google Calendar": calendar(
        "CALSCALE:GREGORIAN\nMETHOD:PUBLISH\nX-WR-CALNAME:Work\nX-WR-TIMEZONE:Europe/Berlin\n"
        + zone("Europe/Berlin")
        + event(
            "DTSTART;TZID=Europe/Berlin:20260317T093000\nDTEND;TZID=Europe/Berlin:20260317T100000",
            f"{WEEKLY}\nEXDATE;TZID=Europe/Berlin:20260324T093000\nSEQUENCE:1\nSTATUS:CONFIRMED\nTRANSP:OPAQUE\n",
        ),
        "-//Google Inc//Google Calendar 70.9054//EN",
    ),
    "Outlook": calendar(
        "METHOD:PUBLISH\nX-WR-RELCALID:{0000002E}\nX-PRIMARY-CALENDAR:TRUE\n"
        + zone("W. Europe Standard Time")
        + event(
            'DTSTART;TZID="W. Europe Standard Time":20260317T093000\n'
            'DTEND;TZID="W. Europe Standard Time":20260317T100000',
            f"{WEEKLY};WKST=MO\n"
            'EXDATE;TZID="W. Europe Standard Time":20260324T093000\n'
            "CLASS:PUBLIC\nX-MICROSOFT-CDO-BUSYSTATUS:BUSY\nX-ALT-DESC;FMTTYPE=text/html:<p>Standup</p>\n",
        ),
        "-//Microsoft Corporation//Outlook 16.0 MIMEDIR//EN",
    ),
    "Exchange": calendar(
        zone("Customized Time Zone")
        + event(
            "DTSTART;TZID=Customized Time Zone:20260317T093000\n"
            "DTEND;TZID=Customized Time Zone:20260317T100000",
            f"{WEEKLY};INTERVAL=1;WKST=MO\nEXDATE;TZID=Customized Time Zone:20260324T093000\n"
            "X-MICROSOFT-CDO-ALLDAYEVENT:FALSE\nX-MICROSOFT-DISALLOW-COUNTER:FALSE\n",
        ),
        "Microsoft Exchange Server 2010",
    ),
    "Apple Calendar": calendar(
        "CALSCALE:GREGORIAN\nX-APPLE-CALENDAR-COLOR:#1BADF8\n"
        + zone("Europe/Berlin")
        + event(
            "DTSTART;TZID=Europe/Berlin:20260317T093000\nDTEND;TZID=Europe/Berlin:20260317T100000",
            f"{WEEKLY}\nEXDATE;TZID=Europe/Berlin:20260324T093000\n"
            "X-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC\n"
            "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT15M\nDESCRIPTION:Soon\nEND:VALARM\n",
        ),
        "-//Apple Inc.//macOS 15.1//EN",
    ),
    "Nextcloud": calendar(
        zone("Europe/Berlin")
        + event(
            "DTSTART;TZID=Europe/Berlin:20260317T093000\nDURATION:PT30M",
            f"{WEEKLY}\nEXDATE;TZID=Europe/Berlin:20260324T093000\nCREATED:20260101T000000Z\n",
        ),
        "-//IDN nextcloud.com//Calendar app 5.0//EN",
    ),
    "Thunderbird": calendar(
        zone("/mozilla.org/20070129_1/Europe/Berlin")
        + event(
            "DTSTART;TZID=/mozilla.org/20070129_1/Europe/Berlin:20260317T093000\n"
            "DTEND;TZID=/mozilla.org/20070129_1/Europe/Berlin:20260317T100000",
            f"{WEEKLY}\nEXDATE:20260324T083000Z\nX-MOZ-GENERATION:3\n",
        ),
        "-//Mozilla.org/NONSGML Mozilla Calendar V1.1//EN",
    ),
    "GNOME Evolution": calendar(
        zone("/freeassociation.sourceforge.net/Europe/Berlin")
        + event(
            "DTSTART;TZID=/freeassociation.sourceforge.net/Europe/Berlin:20260317T093000\n"
            "DTEND;TZID=/freeassociation.sourceforge.net/Europe/Berlin:20260317T100000",
            f"{WEEKLY}\nEXDATE;TZID=/freeassociation.sourceforge.net/Europe/Berlin:20260324T093000\n",
        ),
        "-//Ximian//NONSGML Evolution Calendar//EN",
    ),
    "Proton": calendar(
        zone("Europe/Berlin")
        + event(
            "DTSTART;TZID=Europe/Berlin:20260317T093000\nDTEND;TZID=Europe/Berlin:20260317T100000",
            f"{WEEKLY}\nSEQUENCE:0\nSTATUS:CONFIRMED\n",
        )
        + event(
            "DTSTART;TZID=Europe/Berlin:20260324T093000\nDTEND;TZID=Europe/Berlin:20260324T100000",
            "RECURRENCE-ID;TZID=Europe/Berlin:20260324T093000\nSEQUENCE:1\nSTATUS:CANCELLED\n",
        ),
        "-//Proton AG//ProtonCalendar 5.0//EN",
    ),
    "Fastmail": calendar(
        "X-APPLE-CALENDAR-COLOR:#3a429c\n"
        + event(
            "DTSTART;TZID=Europe/Berlin:20260317T093000\nDURATION:PT1800S",
            "RRULE:FREQ=WEEKLY;COUNT=3\nEXDATE;TZID=Europe/Berlin:20260324T093000\nX-JMAP-ID:1\n",
        ),
        "-//CyrusIMAP.org/Cyrus 3.11//EN",
    ),
    # One calendar for each event, as phones and old exports write them, after a byte order mark.
    "several calendars": "\ufeff"
    + calendar(event("DTSTART:20260317T083000Z\nDTEND:20260317T090000Z"))
    + calendar(event("DTSTART:20260331T073000Z\nDTEND:20260331T080000Z").replace("one@", "two@")),
}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_meeting_exported_by_a_program_excludes_its_times(program: str, line_end: str) -> None:
    quarters = {"type": "cron", "expression": "*/15 8-11 * * TUE", "timezone": "Europe/Berlin"}
    text = PROGRAMS[program].replace("\n", line_end)
    one = schedule({**quarters, "exclude": [{"ics": "a.ics"}]}, read_text=lambda _: text)
    every = schedule(quarters)
    span = utc("2026-03-10T00:00"), utc("2026-04-08T00:00")
    excluded = sorted(set(every.occurrences(*span)) - set(one.occurrences(*span)))
    assert [due.astimezone(BERLIN).strftime("%m-%d %H:%M") for due in excluded] == [
        "03-17 09:30",
        "03-17 09:45",
        "03-31 09:30",
        "03-31 09:45",
    ]


def test_holiday_feed_excludes_whole_days() -> None:
    feed = calendar(
        "X-WR-CALNAME:Holidays\n"
        + event(
            "DTSTART;VALUE=DATE:20260406\nDTEND;VALUE=DATE:20260407", "TRANSP:TRANSPARENT\nCLASS:PUBLIC\n"
        )
        + event("DTSTART;VALUE=DATE:20260501", "RRULE:FREQ=YEARLY\n").replace("one@", "two@")
    )
    data = {"type": "daily", "time": "12:00", "timezone": "Europe/Berlin", "exclude": [{"ics": "a.ics"}]}
    one = schedule(data, read_text=lambda _: feed)
    days = {due.date() for due in one.occurrences(utc("2026-04-01T00:00"), utc("2027-06-01T00:00"))}
    wanted = {date(2026, 4, 6), date(2026, 5, 1), date(2027, 5, 1)}
    assert wanted.isdisjoint(days)
    assert {date(2026, 4, 5), date(2026, 4, 7), date(2027, 4, 6)} <= days


@pytest.mark.parametrize("until", ["20260331", "20260331T235959", "20260331T215959Z"])
def test_date_in_until_means_all_of_that_day_in_calendars_as_in_schedules(until: str) -> None:
    rule = f"FREQ=WEEKLY;UNTIL={until}"
    text = calendar(event("DTSTART;TZID=Europe/Berlin:20260317T210000\nDURATION:PT1H", f"RRULE:{rule}\n"))
    found = IcsCalendar("a.ics", text).events(date(2026, 3, 1), date(2026, 5, 1))
    own = {"type": "rrule", "rule": rule, "dtstart": "2026-03-17T21:00", "timezone": "Europe/Berlin"}
    assert sorted(one.start.day for one in found) == [17, 24, 31]
    assert [due.day for due in schedule(own).occurrences(utc("2026-03-01T00:00"))] == [17, 24, 31]


def test_event_without_a_beginning_is_left_out() -> None:
    text = calendar(event("DTSTART:20260317T083000Z") + event("DURATION:PT1H").replace("one@", "two@"))
    assert len(IcsCalendar("a.ics", text).events(date(2026, 3, 1), date(2026, 5, 1))) == 1


def test_events_that_share_an_uid_all_count() -> None:
    first, second = (event(f"DTSTART:202603{day}T083000Z\nDURATION:PT1H") for day in (17, 18))
    text = calendar(first + second.replace("UID:one@example.org\n", "") + second) + calendar(first)
    found = IcsCalendar("a.ics", text).events(date(2026, 3, 1), date(2026, 5, 1))
    assert {one.start.day for one in found} == {17, 18}
    moved = second.replace("SUMMARY", "SEQUENCE:1\nSUMMARY")
    found = IcsCalendar("a.ics", calendar(first + moved)).events(date(2026, 3, 1), date(2026, 5, 1))
    assert [one.start.day for one in found] == [18]


WHOLE = calendar(event("DTSTART:20260317T083000Z\nDTEND:20260317T090000Z"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WHOLE[: len(WHOLE) // 2], "'a.ics' is not an iCalendar file (RFC 5545), or not a whole one"),
        (WHOLE[:-5], "or not a whole one; export it again"),
        (WHOLE + WHOLE[:-20], "or not a whole one; export it again"),
        (WHOLE.replace("20260317T083000Z", "17.3.2026"), "an event in 'a.ics' cannot be understood"),
        (
            WHOLE.replace("DTSTART:20260317T083000Z", "DTSTART;TZID=Mars/Olympus:20260317T083000"),
            "in the time zone 'Mars/Olympus', which is neither known nor in the file",
        ),
        (WHOLE.replace("SUMMARY:Standup", "RRULE:FREQ=WEEKLY;BYDAY=XX"), "cannot be understood"),
        (
            WHOLE.replace("SUMMARY:Standup", "RRULE:FREQ=DAILY;INTERVAL=0"),
            "has a rule with an INTERVAL below 1",
        ),
    ],
)
def test_spoilt_calendar_is_refused_with_the_fault(text: str, said: str) -> None:
    data: dict[str, Any] = {"type": "daily", "time": "12:00", "exclude": [{"ics": "a.ics"}]}
    complaint = faults(data, read_text=lambda _: text)
    assert said in complaint
    assert "Standup" not in complaint
    assert complaint.startswith("daily.exclude.0: ")


def test_week_rule_of_a_calendar_counts_iso_weeks() -> None:
    rule = "RRULE:FREQ=YEARLY;BYWEEKNO=53;BYDAY=SU\n"
    text = calendar(event("DTSTART;VALUE=DATE:20210103", rule))
    found = IcsCalendar("a.ics", text).events(datetime(2020, 1, 1), datetime(2034, 1, 1))  # noqa: DTZ001
    assert sorted(one.start.isoformat() for one in found) == ["2021-01-03", "2027-01-03", "2033-01-02"]
