"""Forwards and backwards, the search for occurrences leaves out none and makes up none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.samples.schedules import faults, schedule, written

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

pytestmark = pytest.mark.starts_early

ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Asia/Kolkata",
    "Europe/Dublin",
]
TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
DAYS = st.sampled_from(["mon", "tuesday", "wed", "thursday", "fri", "saturday", "sun"])
CRON_FIELDS = st.tuples(
    st.sampled_from(["0", "30", "*/15", "*", "5,50", "10-20"]),
    st.sampled_from(["*", "1", "2", "0-3", "*/2", "23", "9-17"]),
    st.sampled_from(["*", "1", "29", "L", "15,30"]),
    st.sampled_from(["*", "3", "10-11", "*/3"]),
    st.sampled_from(["*", "0", "1-5", "SUN#1", "7", "5L"]),
)
RULES = st.sampled_from(
    [
        "FREQ=DAILY;BYHOUR=1,2;BYMINUTE=30",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,WE;BYHOUR=2",
        "FREQ=WEEKLY;INTERVAL=3;WKST=SU;BYDAY=SU,MO",
        "FREQ=MONTHLY;BYDAY=-1SU;BYHOUR=1;BYMINUTE=30",
        "FREQ=MONTHLY;INTERVAL=5;BYMONTHDAY=31",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=HOURLY;INTERVAL=5",
        "FREQ=MINUTELY;INTERVAL=45;BYDAY=SU",
        "FREQ=MINUTELY;INTERVAL=15;BYHOUR=1,2,3",
        "FREQ=DAILY;COUNT=50",
        "FREQ=DAILY;INTERVAL=3;UNTIL=20301231",
        "FREQ=SECONDLY;INTERVAL=90",
    ]
)
EXCLUSIONS = st.lists(
    st.sampled_from(["sunday", "2026-03-29", {"from": "2025-12-20", "to": "2026-01-06"}]), max_size=2
).flatmap(lambda some: st.sampled_from([some, [*some, {"between": ["22:30", "06:15"]}]]))


def of_type(name: str, **fields: SearchStrategy[Any]) -> SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(name), **fields})


PLAIN = st.one_of(
    of_type("daily", times=st.lists(TIMES, min_size=1, max_size=4)),
    of_type("weekly", days=st.lists(DAYS, min_size=1, max_size=3), time=TIMES),
    of_type("monthly", days=st.lists(st.sampled_from([1, 8, 29, 30, 31, "last"]), min_size=1), time=TIMES),
    of_type("monthly", week=st.sampled_from(["first", "second", "last"]), weekday=DAYS, time=TIMES),
    of_type("interval", minutes=st.integers(1, 5_000), seconds=st.sampled_from([0, 0.25, 7])),
    of_type("cron", expression=CRON_FIELDS.map(" ".join)),
    of_type("cron", expression=CRON_FIELDS.map(lambda fields: " ".join(["*/20", *fields]))),
    of_type("once", at=st.sampled_from(["2026-11-01T01:30", "2026-10-25T02:30", "2026-06-01T00:00:00Z"])),
    of_type("rrule", rule=RULES, dtstart=st.sampled_from(["1970-01-01T02:30", "2024-02-29T01:30"])),
    of_type(
        "solar",
        event=st.sampled_from(["sunrise", "solar_noon", "sunset", "dusk_astronomical", "dawn_civil"]),
        latitude=st.floats(-85, 85),
        longitude=st.floats(-180, 180),
    ),
)
COMMON = st.fixed_dictionaries(
    {
        "timezone": st.sampled_from(ZONES),
        "dst": st.fixed_dictionaries(
            {"gap": st.sampled_from(["next", "skip"]), "fold": st.sampled_from(["first", "second", "both"])}
        ),
    },
    optional={
        "exclude": EXCLUSIONS,
        "start": st.sampled_from(["2025-01-01", "2026-03-29T02:30", "2026-01-01T00:00:00Z"]),
        "end": st.sampled_from(["2027-12-31", "2026-10-25T02:30", "2026-11-01T06:30:00Z"]),
    },
)
SINGLE = st.builds(lambda rule, common: {**rule, **common}, PLAIN, COMMON)
UNION = st.builds(
    lambda members, common: {"type": "any", "schedules": members, **common},
    st.lists(SINGLE, min_size=1, max_size=3),
    COMMON,
)
SCHEDULES = st.one_of(SINGLE, SINGLE, SINGLE, UNION).filter(
    lambda data: "that never happens" not in faults(data)
)
AROUND_CHANGES = st.sampled_from(
    [
        datetime(2026, 3, 8, 7, tzinfo=UTC),
        datetime(2026, 11, 1, 6, tzinfo=UTC),
        datetime(2026, 3, 29, 1, tzinfo=UTC),
        datetime(2026, 10, 25, 1, tzinfo=UTC),
        datetime(2026, 4, 4, 15, 30, tzinfo=UTC),
        datetime(2026, 10, 3, 16, tzinfo=UTC),
        datetime(2011, 12, 30, 10, tzinfo=UTC),
        datetime(2026, 10, 24, 21, tzinfo=UTC),
    ]
)
MOMENTS = st.one_of(
    st.datetimes(datetime(1975, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.builds(
        lambda change, minutes: change + timedelta(minutes=minutes), AROUND_CHANGES, st.integers(-180, 180)
    ),
)


@settings(max_examples=150)
@given(data=SCHEDULES, moment=MOMENTS)
def test_next_occurrence_is_the_first_later_one(data: dict[str, Any], moment: datetime) -> None:
    one = schedule(data)
    following = one.next_after(moment)
    assume(following is not None)
    assert following is not None
    assert following > moment
    assert following.tzinfo is UTC
    previous = one.previous_before(following)
    assert previous is None or previous <= moment
    assert one.previous_before(following + timedelta(microseconds=1)) == following
    if previous is not None:
        assert one.next_after(previous) == following


@settings(max_examples=150)
@given(data=SCHEDULES, moment=MOMENTS)
def test_previous_occurrence_is_the_last_earlier_one(data: dict[str, Any], moment: datetime) -> None:
    one = schedule(data)
    previous = one.previous_before(moment)
    assume(previous is not None)
    assert previous is not None
    assert previous < moment
    following = one.next_after(previous)
    assert following is None or following >= moment
    assert one.next_after(previous - timedelta(microseconds=1)) == previous


@settings(max_examples=100)
@given(data=SCHEDULES)
def test_schedule_round_trips_and_has_a_description(data: dict[str, Any]) -> None:
    one = schedule(data)
    assert schedule(written(one)) == one
    assert one.describe().isprintable()
