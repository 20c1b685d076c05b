"""BYWEEKNO around New Year: what a rule promises is right, and what dateutil gets wrong is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples.schedules import schedule

WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
NUMBERS = st.sampled_from([1, 2, 51, 52, 53, -1, -2, -51, -52, -53])
ACROSS_NEW_YEAR = [timedelta(days=days) for days in range(-21, 21)]


def week_numbers(day: date, week_start: int) -> set[int]:
    """Return the number of a day's week, from the beginning and from the end of the week's year."""

    def number(one: date) -> tuple[int, int]:
        middle = one - timedelta(days=(one.weekday() - week_start) % 7 - 3)
        return middle.year, (middle.timetuple().tm_yday - 1) // 7 + 1

    year, week = number(day)
    return {week, week - number(date(year, 12, 28))[1] - 1}


@given(
    number=NUMBERS,
    days=st.lists(st.sampled_from(WEEKDAYS), unique=True),
    week_start=st.integers(0, 6),
    year=st.integers(1990, 2190),
)
def test_accepted_week_number_yields_exactly_the_days_of_that_week(
    number: int, days: list[str], week_start: int, year: int
) -> None:
    by_day = f";BYDAY={','.join(days)}" if days else ""
    rule = f"FREQ=YEARLY;BYWEEKNO={number};WKST={WEEKDAYS[week_start]}{by_day}"
    try:
        one = schedule({"type": "rrule", "rule": rule, "dtstart": "1980-01-01T00:00"})
    except ValueError as error:
        assert "BYWEEKNO" in str(error)  # noqa: PT017  # refused, which the test below is about
        return
    new_year = datetime(year, 1, 1, tzinfo=UTC)
    expected = [
        new_year + offset
        for offset in ACROSS_NEW_YEAR
        if number in week_numbers((new_year + offset).date(), week_start)
        and (not days or WEEKDAYS[(new_year + offset).weekday()] in days)
    ]
    start = new_year + ACROSS_NEW_YEAR[0] - timedelta(microseconds=1)
    assert list(one.occurrences(start, new_year + ACROSS_NEW_YEAR[-1])) == expected


@pytest.mark.parametrize(
    ("parts", "remedy"),
    [
        ("BYWEEKNO=52", "write BYWEEKNO=-1 for the last week"),
        ("BYWEEKNO=20,53;BYDAY=MO,SU", "write BYWEEKNO=-1 for the last week"),
        ("BYWEEKNO=53;BYDAY=FR;WKST=SU", "write BYWEEKNO=-1 for the last week"),
        ("BYWEEKNO=-52;BYDAY=WE", "write BYWEEKNO=1 for the first week"),
    ],
)
def test_week_number_that_dateutil_gets_wrong_is_refused_with_a_remedy(parts: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        schedule({"type": "rrule", "rule": f"FREQ=YEARLY;{parts}", "dtstart": "2020-01-01T09:00"})


def test_week_52_stays_allowed_for_days_that_never_reach_january() -> None:
    rule = "FREQ=YEARLY;BYWEEKNO=52;BYDAY=FR"
    one = schedule({"type": "rrule", "rule": rule, "dtstart": "2020-01-01T09:00"})
    assert one.next_after(datetime(2021, 1, 1, tzinfo=UTC)) == datetime(2021, 12, 31, 9, tzinfo=UTC)
