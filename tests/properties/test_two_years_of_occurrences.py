"""Two years of occurrences of every type, against other libraries' answers.

The oracles work on naive local times (croniter, dateutil, plain loops, Celery for the sun), and turn them
into instants by `dateutil.tz`, not by `zoneinfo`. Days on which clocks change, on which the libraries
disagree with each other, are left to the written table in `tests/time_travel/`.
"""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import pytest
from celery.schedules import solar
from croniter import croniter
from dateutil import tz
from dateutil.rrule import rrulestr

from tests.samples.schedules import schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Oracle = Callable[[], list[datetime]]

pytestmark = pytest.mark.starts_early(65)

START = datetime(2027, 1, 1)  # noqa: DTZ001  # local time
END = datetime(2029, 1, 1)  # noqa: DTZ001
ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
]
DAY = timedelta(days=1)


def dates(fits: Callable[[date], bool], *times: str) -> Oracle:
    return partial(_dates, fits, *times)


def _dates(fits: Callable[[date], bool], *times: str) -> list[datetime]:
    days = [START.date() + number * DAY for number in range((END - START).days)]
    return [datetime.combine(day, time.fromisoformat(one)) for day in days if fits(day) for one in times]


@cache
def of_cron(expression: str) -> list[datetime]:
    found, search = [], croniter(expression, START - timedelta(seconds=1))
    while (one := search.get_next(datetime)) < END:
        found.append(one)
    return found


@cache
def of_rule(rule: str, dtstart: str) -> list[datetime]:
    return rrulestr(rule, dtstart=datetime.fromisoformat(dtstart)).between(START, END, inc=True)


def is_last_day(day: date) -> bool:
    return day.day == calendar.monthrange(day.year, day.month)[1]


def cron(expression: str) -> tuple[dict[str, Any], Oracle]:
    return {"type": "cron", "expression": expression}, partial(of_cron, expression)


def rrule(rule: str, dtstart: str = "2020-02-29T08:15") -> tuple[dict[str, Any], Oracle]:
    return {"type": "rrule", "rule": rule, "dtstart": dtstart}, partial(of_rule, rule, dtstart)


LOCAL: list[tuple[dict[str, Any], Oracle]] = [
    ({"type": "daily", "time": "09:00"}, dates(lambda _: True, "09:00")),
    ({"type": "daily", "times": ["18:30:15", "00:00"]}, dates(lambda _: True, "00:00", "18:30:15")),
    (
        {"type": "weekly", "days": ["mon", "friday"], "time": "23:59"},
        dates(lambda day: day.weekday() in {0, 4}, "23:59"),
    ),
    (
        {"type": "monthly", "days": [1, 31, "last"], "time": "12:00"},
        dates(lambda day: day.day in {1, 31} or is_last_day(day), "12:00"),
    ),
    (
        {"type": "monthly", "days": [29], "months": ["feb"], "time": "12:00"},
        dates(lambda day: (day.month, day.day) == (2, 29), "12:00"),
    ),
    (
        {"type": "monthly", "week": "last", "weekday": "friday", "months": [1, 6], "time": "07:00"},
        dates(
            lambda day: day.weekday() == 4 and (day + 7 * DAY).month != day.month and day.month in {1, 6},
            "07:00",
        ),
    ),
    (
        {"type": "monthly", "week": "second", "weekday": "tue", "time": "07:00"},
        dates(lambda day: day.weekday() == 1 and 8 <= day.day <= 14, "07:00"),
    ),
    cron("0 9 * * 1-5"),
    cron("*/20 8-10 * * *"),
    cron("15 10 13 * 5"),
    cron("0 0 29 2 *"),
    cron("0 6 l * *"),
    cron("30 4 * * mon#1"),
    cron("5 0 * 8 *"),
    rrule("FREQ=DAILY;INTERVAL=3"),
    rrule("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SU"),
    rrule("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=MO"),
    rrule("FREQ=MONTHLY;BYMONTHDAY=-1"),
    rrule("FREQ=MONTHLY;INTERVAL=5;BYMONTHDAY=31"),
    rrule("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"),
    rrule("FREQ=YEARLY"),
    rrule("FREQ=YEARLY;BYWEEKNO=1,53;BYDAY=MO"),
    rrule("FREQ=DAILY;COUNT=2900"),
    rrule("FREQ=DAILY;UNTIL=20280615T081500"),
    rrule("FREQ=HOURLY;INTERVAL=6;BYMINUTE=30", "2026-12-31T05:45"),
    rrule("FREQ=MINUTELY;INTERVAL=45;BYDAY=SA;BYHOUR=9,10,11", "2026-12-01T00:30"),
    rrule("FREQ=SECONDLY;INTERVAL=3600;BYMONTHDAY=1", "2026-12-31T00:30:10"),
    (
        {"type": "daily", "times": ["06:00", "12:00"], "exclude": ["sat", {"between": ["22:00", "07:00"]}]},
        dates(lambda day: day.weekday() != 5, "12:00"),
    ),
    (
        {"type": "daily", "time": "12:00", "start": "2027-02-03", "end": "2028-11-05"},
        dates(lambda day: date(2027, 2, 3) <= day <= date(2028, 11, 5), "12:00"),
    ),
    (
        {
            "type": "any",
            "schedules": [{"type": "daily", "time": "12:00"}, {"type": "cron", "expression": "0 */6 * * *"}],
        },
        dates(lambda _: True, "00:00", "06:00", "12:00", "18:00"),
    ),
]


def steady(locals_: Iterable[datetime], zone: str) -> list[datetime]:
    """Return the instants of those local times that lie on no day, or after one, of a clock change."""
    return [one for one in (in_utc(local, zone) for local in locals_) if is_steady(one, zone)]


def in_utc(local: datetime, zone: str) -> datetime:
    return local.replace(tzinfo=tz.gettz(zone)).astimezone(UTC)


def is_steady(instant: datetime, zone: str) -> bool:
    return not any(instant - DAY < change <= instant + DAY for change in changes(zone))


@cache
def changes(zone: str) -> list[datetime]:
    """Return the instants at which the clocks of a zone change, to the half hour."""
    found, moment, there = [], START.replace(tzinfo=UTC) - 3 * DAY, tz.gettz(zone)
    while moment < END.replace(tzinfo=UTC) + 3 * DAY:
        offset = moment.astimezone(there).utcoffset()
        halves = [moment + number * timedelta(minutes=30) for number in range(1, 49)]
        moment += DAY
        if moment.astimezone(there).utcoffset() != offset:
            found.append(next(one for one in halves if one.astimezone(there).utcoffset() != offset))
    return found


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("data", "expected"), LOCAL)
def test_local_schedule_over_two_years_agrees_with_the_oracle(
    data: dict[str, Any], expected: Oracle, zone: str
) -> None:
    one = schedule({**data, "timezone": zone})
    found = one.occurrences(
        in_utc(START, zone) - timedelta(seconds=1), in_utc(END, zone) - timedelta(seconds=1)
    )
    assert [instant for instant in found if is_steady(instant, zone)] == steady(
        (local for local in expected() if local < END), zone
    )


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        ({"hours": 1}, 3_600.0),
        ({"weeks": 1, "days": 1, "minutes": 7}, 691_620.0),
        ({"minutes": 90, "timezone": "Australia/Lord_Howe"}, 5_400.0),
        ({"seconds": 86_399.25}, 86_399.25),
    ],
)
def test_interval_over_two_years_fires_at_multiples_of_its_period(
    data: dict[str, Any], seconds: float
) -> None:
    one = schedule({"type": "interval", **data})
    first = int(START.replace(tzinfo=UTC).timestamp() // seconds) + 1
    count = int(END.replace(tzinfo=UTC).timestamp() // seconds) - first + 1
    found = one.occurrences(START.replace(tzinfo=UTC), END.replace(tzinfo=UTC))
    assert [instant.timestamp() for instant in found] == [
        (first + number) * seconds for number in range(count)
    ]


def test_once_schedule_over_two_years_fires_at_its_one_moment() -> None:
    one = schedule({"type": "once", "at": "2027-05-01T09:00", "timezone": "Europe/Berlin"})
    found = list(one.occurrences(START.replace(tzinfo=UTC), END.replace(tzinfo=UTC)))
    assert found == [datetime(2027, 5, 1, 7, tzinfo=UTC)]


@pytest.mark.parametrize("event", sorted(solar._all_events))
@pytest.mark.parametrize("place", [(52.52, 13.41), (-33.87, 151.21), (69.65, 18.96), (0, -179.9)])
def test_solar_schedule_over_two_years_agrees_with_celery(event: str, place: tuple[float, float]) -> None:
    one = schedule({"type": "solar", "event": event, "latitude": place[0], "longitude": place[1]})
    moment, end = START.replace(tzinfo=UTC), END.replace(tzinfo=UTC)
    oracle = solar(event, *place)
    for found in one.occurrences(moment, end):
        oracle.cal.date = moment
        expected = oracle._next_event(moment).datetime().replace(tzinfo=UTC)
        assert abs(found - expected) <= timedelta(seconds=1), (moment, found, expected)
        moment = found + timedelta(minutes=1)
