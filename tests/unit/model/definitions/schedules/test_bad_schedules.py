"""What is said about a schedule that cannot be: the value, what is wrong, and what would be right."""

from __future__ import annotations

import time
from typing import Any

import pytest

from mission_control.errors import InvalidTaskError
from mission_control.model.definitions.task import parse_task
from tests.samples.schedules import faults, schedule

NINE = {"type": "daily", "time": "09:00"}


def cron(expression: str) -> dict[str, Any]:
    return {"type": "cron", "expression": expression}


def rrule(rule: str, dtstart: str | None = "2026-01-05T09:00") -> dict[str, Any]:
    return {"type": "rrule", "rule": rule, "dtstart": dtstart}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({**NINE, "time": "25:00"}, "daily.time: '25:00' is not a time of day; write \"HH:MM\""),
        ({**NINE, "time": "9:00"}, "is not a time of day"),
        ({**NINE, "time": "24:00"}, "is not a time of day"),
        ({"type": "daily"}, 'daily.time: is missing; write "HH:MM"'),
        ({**NINE, "times": ["10:00"]}, '"time" and "times" are both given'),
        ({"type": "daily", "times": []}, "daily.times: Tuple should have at least 1 item"),
        ({**NINE, "timezone": "Europe/Berln"}, 'did you mean "Europe/Berlin"?'),
        ({**NINE, "start": "2026-02-30"}, "daily.start: '2026-02-30' is not a date that exists"),
        (
            {**NINE, "start": "2026-02-01", "end": "2026-01-01"},
            "from 2026-02-01, until 2026-01-01: that never happens",
        ),
        ({"type": "weekly", "days": ["moonday"], "time": "09:00"}, 'did you mean "monday"?'),
        ({"type": "weekly", "days": ["monday"]}, "weekly.time: is missing"),
        (
            {"type": "monthly", "days": [30], "months": [2], "time": "09:00"},
            "on the 30th day of February at 09:00 (UTC): that never happens",
        ),
        ({"type": "monthly", "days": [31], "months": ["apr", 6], "time": "09:00"}, "that never happens"),
        ({"type": "monthly", "days": [32], "time": "09:00"}, "32 is not a day of a month"),
        ({"type": "monthly", "days": [True], "time": "09:00"}, "True is not a day of a month"),
        ({"type": "monthly", "time": "09:00"}, 'a monthly schedule has either "days"'),
        ({"type": "monthly", "week": "first", "time": "09:00"}, '"week" and "weekday" go together'),
        ({"type": "interval"}, "an interval needs one or more of weeks, days, hours, minutes and seconds"),
        ({"type": "interval", "minutes": 0}, "an interval of zero (minutes: 0)"),
        ({"type": "interval", "minutes": -5}, "interval.minutes: "),
        ({"type": "interval", "minutes": "5"}, "interval.minutes: "),
        ({"type": "interval", "seconds": 1e-7}, "between a millisecond and a hundred years"),
        ({"type": "interval", "weeks": 1e9}, "a hundred years"),
        (
            {"type": "interval", "minutes": 5, "measure_from": "finish", "anchor": "2026-01-01T00:00"},
            '"anchor" has no meaning',
        ),
        (
            cron("0 0 30 2 *"),
            "the day of month is '30', and may hold 1-31 as far as its months have that day",
        ),
        (cron("0 0 31 2 *"), "as far as its months have that day"),
        (cron("0 0 31 4,6 *"), "as far as its months have that day"),
        (cron("0 0 */31 * 1#5"), "never happens"),
        (cron("60 * * * *"), "the minute is '60', and may hold 0-59"),
        (cron("0 9 ? * MON"), "the day of month is '?'"),
        (cron("* * * *"), "has 4 fields; a cron expression has five"),
        (cron("?"), "has 1 field; a cron expression has five"),
        (cron("@dialy"), 'did you mean "@daily"?'),
        ({"type": "once", "at": "2026-02-30T09:00"}, "not a moment that exists"),
        ({"type": "once", "at": "tomorrow"}, "once.at: 'tomorrow' is not a moment"),
        (
            {"type": "once", "at": "2026-03-29T02:30", "timezone": "Europe/Berlin", "dst": {"gap": "skip"}},
            "once at 2026-03-29 02:30 (Europe/Berlin): that never happens",
        ),
        (rrule("FREQ=WEEKLI"), 'did you mean "WEEKLY"?'),
        (rrule("FREQ=DAILY;BYDY=MO"), 'did you mean "BYDAY"?'),
        (rrule("FREQ=DAILY;BYHOUR=25"), "BYHOUR='25' is not a number from 0 to 23"),
        (rrule("FREQ=DAILY;INTERVAL=0"), "INTERVAL='0' is not a number"),
        (rrule("FREQ=DAILY;COUNT=5;UNTIL=20270101"), "not by both"),
        (rrule("FREQ=DAILY;UNTIL=20261301"), "not a moment that exists"),
        (rrule("FREQ=DAILY;UNTIL=20200101"), "every day at 09:00 until 2020-01-01 (UTC): that never happens"),
        (rrule("FREQ=DAILY;COUNT=5", None), 'add "dtstart"'),
        ({"type": "solar", "event": "sunset", "latitude": 91, "longitude": 0}, "solar.latitude: "),
        ({"type": "any", "schedules": []}, "any.schedules: Tuple should have at least 1 item"),
        ({"type": "any", "schedules": [{**NINE, "time": "x"}]}, "any.schedules.0.daily.time: 'x' is not"),
        (
            {"type": "any", "schedules": [{"type": "interval", "hours": 1, "measure_from": "finish"}]},
            "has no fixed times",
        ),
        ({"type": "any", "schedules": [{**NINE, "spread_seconds": 5}]}, "move it there"),
        ({**NINE, "exclude": ["sunnday"]}, 'did you mean "sunday"?'),
        ({**NINE, "exclude": ["2026-02-30"]}, "daily.exclude.0.date: '2026-02-30' is not a date that exists"),
        ({**NINE, "exclude": [{"from": "2026-01-01"}]}, 'needs "from" and "to"'),
        ({**NINE, "exclude": [{"from": "2026-01-05", "to": "2026-01-01"}]}, "swap them"),
        ({**NINE, "exclude": [{"holidays": "DE-XX"}]}, "'DE-XX' is not a part of DE; its parts are DE-BB"),
        ({**NINE, "exclude": [{"holidays": "Germany"}]}, "is not a country whose holidays are known"),
        ({**NINE, "exclude": [{"between": ["22:00", "22:00"]}]}, "are none or all"),
        ({**NINE, "exclude": [{"ics": "a.ics"}]}, "calendar files cannot be read here"),
        ({**NINE, "exclude": [{}]}, "an exclusion has exactly one kind"),
        ({**NINE, "exclude": [5]}, "an exclusion is text or an object"),
        ({**NINE, "colour": 1}, "daily.colour: "),
    ],
)
def test_bad_schedule_error_names_place_fault_and_remedy(data: dict[str, Any], said: str) -> None:
    assert said in faults(data)


def test_schedule_with_several_faults_reports_all_of_them() -> None:
    data = {"type": "weekly", "days": ["moonday"], "timezone": "Nowhere", "exclude": ["2026-02-30"]}
    with pytest.raises(InvalidTaskError) as refused:
        parse_task({"id": "a", "handler": "handlers.hello.run", "schedule": data})
    assert [one.path.removeprefix("schedule.") for one in refused.value.problems] == [
        "timezone",
        "exclude[0].date",
        "time",
        "days[0]",
    ]


@pytest.mark.parametrize(
    "data",
    [cron("* " * 50_000), cron("1," * 50_000), rrule("FREQ=DAILY;" * 9_000), {**NINE, "time": "9" * 100_000}],
)
def test_huge_text_is_refused_at_once_and_quoted_briefly(data: dict[str, Any]) -> None:
    before = time.process_time()
    said = faults(data)
    assert said
    assert len(said) < 400
    assert time.process_time() - before < 1


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=SECONDLY;BYSETPOS=2",
        "FREQ=MINUTELY;INTERVAL=10080;BYDAY=TU",
        "FREQ=MINUTELY;INTERVAL=120;BYHOUR=2",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6",
        "FREQ=HOURLY;INTERVAL=24;BYHOUR=5",
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29",
    ],
)
def test_rule_that_never_happens_is_refused_soon(rule: str) -> None:
    before = time.process_time()
    said = faults(rrule(rule))
    assert "never happens" in said or said.startswith("rrule.rule: ")
    assert time.process_time() - before < 5


@pytest.mark.parametrize("depth", [5, 100])
def test_deeply_nested_union_is_refused(depth: int) -> None:
    data: dict[str, Any] = NINE
    for _ in range(depth):
        data = {"type": "any", "schedules": [data]}
    assert "may be nested 3 deep" in faults(data)


def test_moment_without_a_zone_is_refused() -> None:
    from datetime import datetime

    with pytest.raises(ValueError, match="no time zone"):
        schedule(NINE).next_after(datetime(2026, 1, 1))  # noqa: DTZ001
