"""What is right on the days on which clocks change, written out: instants in UTC."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples.schedules import elapsed, upcoming

NEW_YORK = "America/New_York"  # 2026: forward on 8 March at 07:00Z, back on 1 November at 06:00Z
BERLIN = "Europe/Berlin"  # 2026: forward on 29 March at 01:00Z, back on 25 October at 01:00Z
SYDNEY = "Australia/Sydney"  # 2026: back on 4 April at 16:00Z, forward on 3 October at 16:00Z
LORD_HOWE = "Australia/Lord_Howe"  # half an hour: back on 4 April at 15:00Z, forward on 3 October at 15:30Z
APIA = "Pacific/Apia"  # left out 30 December 2011, at 10:00Z
SAO_PAULO = "America/Sao_Paulo"  # 2018: no 00:00 on 4 November
CAIRO = "Africa/Cairo"  # 2026: no 00:00 on 24 April
BEIRUT = "Asia/Beirut"  # 2026: no 00:00 on 29 March, 23:00 twice on 24 October

SKIP = {"gap": "skip"}
FIRST, SECOND, BOTH = {"fold": "first"}, {"fold": "second"}, {"fold": "both"}


def cron(expression: str) -> dict[str, Any]:
    return {"type": "cron", "expression": expression}


def daily(*times: str) -> dict[str, Any]:
    return {"type": "daily", "times": list(times)}


def rrule(rule: str, dtstart: str = "2026-01-01T00:00") -> dict[str, Any]:
    return {"type": "rrule", "rule": rule, "dtstart": dtstart}


SUNDAYS = {"type": "weekly", "days": ["sunday"], "time": "02:30"}
SECOND_SUNDAY = {"type": "monthly", "week": "second", "weekday": "sunday", "time": "02:30"}
FIRST_OF_MONTH = {"type": "monthly", "days": [1], "time": "01:30"}
ONCE_IN_GAP = {"type": "once", "at": "2026-03-08T02:30"}
ONCE_IN_FOLD = {"type": "once", "at": "2026-11-01T01:30"}
HALF_HOURS = {"type": "interval", "minutes": 30}

TABLE: list[tuple[str, dict[str, Any], dict[str, str], str, list[str]]] = [
    # The gap: once, just after it.
    (NEW_YORK, cron("30 2 * * *"), {}, "2026-03-07T08:00", ["03-08 07:00", "03-09 06:30"]),
    (NEW_YORK, cron("30 2 * * *"), SKIP, "2026-03-07T08:00", ["03-09 06:30", "03-10 06:30"]),
    (NEW_YORK, cron("0 30 2 * * *"), {}, "2026-03-07T08:00", ["03-08 07:00", "03-09 06:30"]),
    (NEW_YORK, cron("0,30 2 * * *"), {}, "2026-03-08T00:00", ["03-08 07:00", "03-09 06:00"]),
    (NEW_YORK, daily("02:30"), {}, "2026-03-07T08:00", ["03-08 07:00", "03-09 06:30"]),
    (NEW_YORK, daily("02:30"), SKIP, "2026-03-07T08:00", ["03-09 06:30", "03-10 06:30"]),
    (NEW_YORK, daily("02:00", "02:30", "03:00"), {}, "2026-03-08T00:00", ["03-08 07:00", "03-09 06:00"]),
    (NEW_YORK, SUNDAYS, {}, "2026-03-02T00:00", ["03-08 07:00", "03-15 06:30"]),
    (NEW_YORK, SUNDAYS, SKIP, "2026-03-02T00:00", ["03-15 06:30", "03-22 06:30"]),
    (NEW_YORK, SECOND_SUNDAY, {}, "2026-03-02T00:00", ["03-08 07:00", "04-12 06:30"]),
    (NEW_YORK, SECOND_SUNDAY, SKIP, "2026-03-02T00:00", ["04-12 06:30", "05-10 06:30"]),
    (
        NEW_YORK,
        rrule("FREQ=DAILY;BYHOUR=2;BYMINUTE=30"),
        {},
        "2026-03-08T00:00",
        ["03-08 07:00", "03-09 06:30"],
    ),
    (NEW_YORK, rrule("FREQ=DAILY;BYHOUR=2;BYMINUTE=30"), SKIP, "2026-03-08T00:00", ["03-09 06:30"]),
    (NEW_YORK, ONCE_IN_GAP, {}, "2026-03-01T00:00", ["03-08 07:00"]),
    (BERLIN, cron("30 2 * * *"), {}, "2026-03-28T02:00", ["03-29 01:00", "03-30 00:30"]),
    (SYDNEY, daily("02:30"), {}, "2026-10-03T00:00", ["10-03 16:00", "10-04 15:30"]),
    (LORD_HOWE, daily("02:15"), {}, "2026-10-03T00:00", ["10-03 15:30", "10-04 15:15"]),
    (LORD_HOWE, daily("02:15"), SKIP, "2026-10-03T00:00", ["10-04 15:15"]),
    (SAO_PAULO, daily("00:00"), {}, "2018-11-03T04:00", ["11-04 03:00", "11-05 02:00"]),
    (CAIRO, cron("0 0 * * *"), {}, "2026-04-23T00:00", ["04-23 22:00", "04-24 21:00"]),
    (BEIRUT, cron("@daily"), {}, "2026-03-28T00:00", ["03-28 22:00", "03-29 21:00"]),
    (APIA, daily("09:00"), {}, "2011-12-29T00:00", ["12-29 19:00", "12-30 10:00", "12-30 19:00"]),
    (APIA, daily("09:00"), SKIP, "2011-12-29T00:00", ["12-29 19:00", "12-30 19:00"]),
    # The fold: once, the first time.
    (NEW_YORK, cron("30 1 * * *"), {}, "2026-10-31T06:00", ["11-01 05:30", "11-02 06:30"]),
    (NEW_YORK, cron("30 1 * * *"), SECOND, "2026-10-31T06:00", ["11-01 06:30", "11-02 06:30"]),
    (NEW_YORK, cron("30 1 * * *"), BOTH, "2026-10-31T06:00", ["11-01 05:30", "11-01 06:30", "11-02 06:30"]),
    (
        NEW_YORK,
        daily("01:00", "01:30"),
        FIRST,
        "2026-11-01T04:00",
        ["11-01 05:00", "11-01 05:30", "11-02 06:00"],
    ),
    (
        NEW_YORK,
        daily("01:00", "01:30"),
        SECOND,
        "2026-11-01T04:00",
        ["11-01 06:00", "11-01 06:30", "11-02 06:00"],
    ),
    (
        NEW_YORK,
        daily("01:00", "01:30"),
        BOTH,
        "2026-11-01T04:00",
        ["11-01 05:00", "11-01 05:30", "11-01 06:00", "11-01 06:30", "11-02 06:00"],
    ),
    (NEW_YORK, FIRST_OF_MONTH, BOTH, "2026-10-15T00:00", ["11-01 05:30", "11-01 06:30", "12-01 06:30"]),
    (NEW_YORK, FIRST_OF_MONTH, SECOND, "2026-10-15T00:00", ["11-01 06:30", "12-01 06:30"]),
    (NEW_YORK, {**SUNDAYS, "time": "01:30"}, SECOND, "2026-10-31T00:00", ["11-01 06:30", "11-08 06:30"]),
    (NEW_YORK, rrule("FREQ=DAILY;BYHOUR=1"), {}, "2026-10-31T06:00", ["11-01 05:00", "11-02 06:00"]),
    (NEW_YORK, rrule("FREQ=DAILY;BYHOUR=1"), BOTH, "2026-10-31T06:00", ["11-01 05:00", "11-01 06:00"]),
    (NEW_YORK, ONCE_IN_FOLD, {}, "2026-10-01T00:00", ["11-01 05:30"]),
    (NEW_YORK, ONCE_IN_FOLD, SECOND, "2026-10-01T00:00", ["11-01 06:30"]),
    (NEW_YORK, ONCE_IN_FOLD, BOTH, "2026-10-01T00:00", ["11-01 05:30", "11-01 06:30"]),
    (SYDNEY, daily("02:30"), BOTH, "2026-04-04T00:00", ["04-04 15:30", "04-04 16:30", "04-05 16:30"]),
    (LORD_HOWE, daily("01:45"), {}, "2026-04-04T00:00", ["04-04 14:45", "04-05 15:15"]),
    (LORD_HOWE, daily("01:45"), BOTH, "2026-04-04T00:00", ["04-04 14:45", "04-04 15:15", "04-05 15:15"]),
    (BEIRUT, daily("23:30"), SECOND, "2026-10-24T00:00", ["10-24 21:30", "10-25 21:30"]),
    # COUNT counts instants: what is skipped does not count, what comes twice does.
    (
        NEW_YORK,
        rrule("FREQ=DAILY;COUNT=3", "2024-03-09T02:30"),
        SKIP,
        "2024-03-01T00:00",
        ["03-09 07:30", "03-11 06:30", "03-12 06:30"],
    ),
    (
        NEW_YORK,
        rrule("FREQ=DAILY;COUNT=3", "2026-10-31T01:30"),
        BOTH,
        "2026-10-01T00:00",
        ["10-31 05:30", "11-01 05:30", "11-01 06:30"],
    ),
    # All hours by name are fixed times, as in Debian's cron.
    (NEW_YORK, cron("30 0-23 * * *"), {}, "2026-03-08T06:15", ["03-08 06:30", "03-08 07:00", "03-08 07:30"]),
    (NEW_YORK, cron("30 0-23 * * *"), {}, "2026-11-01T05:00", ["11-01 05:30", "11-01 07:30", "11-01 08:30"]),
    (NEW_YORK, cron("30 * * * *"), {}, "2026-11-01T05:00", ["11-01 05:30", "11-01 06:30", "11-01 07:30"]),
    # Sub-daily schedules run in real time through both.
    (NEW_YORK, cron("*/30 * * * *"), {}, "2026-03-08T06:00", ["03-08 06:30", "03-08 07:00", "03-08 07:30"]),
    (NEW_YORK, cron("15 * * * *"), {}, "2026-03-08T06:00", ["03-08 06:15", "03-08 07:15", "03-08 08:15"]),
    (NEW_YORK, cron("*/30 * * * *"), {}, "2026-11-01T05:15", ["11-01 05:30", "11-01 06:00", "11-01 06:30"]),
    (NEW_YORK, cron("15 * * * *"), {}, "2026-11-01T05:00", ["11-01 05:15", "11-01 06:15", "11-01 07:15"]),
    (NEW_YORK, cron("@hourly"), SECOND, "2026-11-01T04:30", ["11-01 05:00", "11-01 06:00", "11-01 07:00"]),
    (LORD_HOWE, cron("*/30 * * * *"), {}, "2026-04-04T14:15", ["04-04 14:30", "04-04 15:00", "04-04 15:30"]),
    (NEW_YORK, rrule("FREQ=HOURLY"), {}, "2026-11-01T04:30", ["11-01 05:00", "11-01 06:00", "11-01 07:00"]),
    (NEW_YORK, rrule("FREQ=HOURLY;BYMINUTE=15"), {}, "2026-11-01T05:00", ["11-01 05:15", "11-01 06:15"]),
    (NEW_YORK, rrule("FREQ=HOURLY;INTERVAL=2"), {}, "2026-03-08T05:00", ["03-08 07:00", "03-08 09:00"]),
    (NEW_YORK, HALF_HOURS, {}, "2026-11-01T05:15", ["11-01 05:30", "11-01 06:00", "11-01 06:30"]),
    (NEW_YORK, HALF_HOURS, {}, "2026-03-08T06:15", ["03-08 06:30", "03-08 07:00", "03-08 07:30"]),
    # Weekday 0 is Sunday, and so is 7; 1 November 2026 is one.
    (NEW_YORK, cron("0 12 * * 0"), {}, "2026-10-31T00:00", ["11-01 17:00", "11-08 17:00"]),
    (NEW_YORK, cron("0 12 * * 7"), {}, "2026-10-31T00:00", ["11-01 17:00", "11-08 17:00"]),
    # Clocks keep changing after 2037, when compiled tables of changes end.
    (NEW_YORK, daily("02:30"), {}, "2045-03-11T08:00", ["03-12 07:00", "03-13 06:30"]),
    (BERLIN, daily("09:00"), {}, "2099-07-01T00:00", ["07-01 07:00", "07-02 07:00"]),
]


@pytest.mark.parametrize(("zone", "rule", "dst", "after", "expected"), TABLE)
def test_occurrences_on_clock_changes_match_the_table(
    zone: str, rule: dict[str, Any], dst: dict[str, str], after: str, expected: list[str]
) -> None:
    assert upcoming({**rule, "timezone": zone, "dst": dst}, after, len(expected)) == expected


@pytest.mark.parametrize(("zone", "rule", "dst", "after", "expected"), TABLE)
def test_backward_search_finds_the_same_occurrences(
    zone: str, rule: dict[str, Any], dst: dict[str, str], after: str, expected: list[str]
) -> None:
    just_after_the_last = f"{after[:4]}-{expected[-1].replace(' ', 'T')}:00.000001"
    assert elapsed({**rule, "timezone": zone, "dst": dst}, just_after_the_last, len(expected)) == expected


def test_count_ends_a_rule_after_its_last_instant() -> None:
    three = {**rrule("FREQ=DAILY;COUNT=3", "2024-03-09T02:30"), "timezone": NEW_YORK, "dst": SKIP}
    assert len(upcoming(three, "2024-01-01T00:00", 9)) == 3
    twice = {**rrule("FREQ=DAILY;COUNT=2", "2026-11-01T01:30"), "timezone": NEW_YORK, "dst": BOTH}
    assert upcoming(twice, "2026-01-01T00:00", 9) == ["11-01 05:30", "11-01 06:30"]
