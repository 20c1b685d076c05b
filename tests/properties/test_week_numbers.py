"""Week numbers: a rule has exactly the days that `date.isocalendar` says, around every New Year."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples.schedules import faults, schedule, upcoming

WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
NUMBERS = st.sampled_from([1, 2, 51, 52, 53, -1, -2, -51, -52, -53])
ACROSS_NEW_YEAR = [timedelta(days=days) for days in range(-21, 21)]
SIXTY_YEARS = [date(1995, 1, 1) + timedelta(days=number) for number in range(60 * 365 + 15)]


@pytest.mark.parametrize("number", [1, 2, 9, 51, 52, 53, -1, -2, -53])
@pytest.mark.parametrize("days", [["MO"], ["TH"], ["SU"], ["SA", "MO"], WEEKDAYS])
def test_week_rule_has_the_days_of_isocalendar_for_sixty_years(number: int, days: list[str]) -> None:
    rule = f"FREQ=YEARLY;BYWEEKNO={number};BYDAY={','.join(days)}"
    one = schedule({"type": "rrule", "rule": rule, "dtstart": "1980-01-01T00:00"})
    expected = [
        day for day, numbers in iso_weeks().items() if number in numbers and WEEKDAYS[day.weekday()] in days
    ]
    start = datetime(1994, 12, 31, 23, tzinfo=UTC)
    found = one.occurrences(start, datetime.combine(SIXTY_YEARS[-1], datetime.min.time(), UTC))
    assert [due.date() for due in found] == expected


@cache
def iso_weeks() -> dict[date, set[int]]:
    """Return the numbers of each day's week, from the beginning and from the end of its year."""
    return {day: {week_of(day), week_of(day) - last_week(day) - 1} for day in SIXTY_YEARS}


def week_of(day: date) -> int:
    return day.isocalendar().week


def last_week(day: date) -> int:
    return date(day.isocalendar().year, 12, 28).isocalendar().week


def week_numbers(day: date, week_start: int) -> set[int]:
    """Return the number of a day's week, from the beginning and from the end of the week's year."""

    def number(one: date) -> tuple[int, int]:
        middle = one - timedelta(days=(one.weekday() - week_start) % 7 - 3)
        return middle.year, (middle.timetuple().tm_yday - 1) // 7 + 1

    year, week = number(day)
    return {week, week - number(date(year, 12, 28))[1] - 1}


@given(
    number=NUMBERS,
    days=st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True),
    week_start=st.integers(0, 6),
    year=st.integers(1990, 2190),
)
def test_week_rule_yields_exactly_the_days_of_its_weeks_whenever_weeks_start(
    number: int, days: list[str], week_start: int, year: int
) -> None:
    rule = f"FREQ=YEARLY;BYWEEKNO={number};WKST={WEEKDAYS[week_start]};BYDAY={','.join(days)}"
    one = schedule({"type": "rrule", "rule": rule, "dtstart": "1980-01-01T00:00"})
    new_year = datetime(year, 1, 1, tzinfo=UTC)
    expected = [
        new_year + offset
        for offset in ACROSS_NEW_YEAR
        if number in week_numbers((new_year + offset).date(), week_start)
        and WEEKDAYS[(new_year + offset).weekday()] in days
    ]
    start = new_year + ACROSS_NEW_YEAR[0] - timedelta(microseconds=1)
    assert list(one.occurrences(start, new_year + ACROSS_NEW_YEAR[-1])) == expected


def test_week_rule_without_a_weekday_takes_that_of_its_beginning() -> None:
    rule = {"type": "rrule", "rule": "FREQ=YEARLY;BYWEEKNO=1"}
    assert upcoming({**rule, "dtstart": "2024-01-01T09:00"}, "2023-06-01T00:00", 4) == [
        "01-01 09:00",
        "12-30 09:00",
        "12-29 09:00",
        "01-04 09:00",
    ]
    assert 'add "dtstart"' in faults(rule)


def test_week_rule_of_every_other_year_counts_years_of_whole_weeks() -> None:
    rule = {
        "type": "rrule",
        "rule": "FREQ=YEARLY;INTERVAL=2;BYWEEKNO=1,53;BYDAY=MO",
        "dtstart": "2024-12-30T09:00",
    }
    one = schedule(rule)
    found = one.occurrences(datetime(2024, 1, 1, tzinfo=UTC), datetime(2034, 1, 1, tzinfo=UTC))
    assert [due.date().isoformat() for due in found] == [
        "2024-12-30",
        "2027-01-04",
        "2029-01-01",
        "2030-12-30",
        "2033-01-03",
    ]
