from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mission_control.errors import InvalidTaskError
from mission_control.model.definitions.schedules.clock.calendar_words import WEEKDAYS
from mission_control.model.definitions.schedules.shorthand.schedules import full_schedule
from mission_control.model.definitions.task import TaskDefinition, parse_task, read_stored_task

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)  # a Sunday
HELLO = "handlers.hello.run"


def task(schedule: object, **context: Any) -> TaskDefinition:
    return parse_task({"id": "a", "handler": HELLO, "schedule": schedule}, **context)


@pytest.mark.parametrize(
    ("words", "full"),
    [
        ("every 5m", {"type": "interval", "minutes": 5}),
        ("every 1h30m", {"type": "interval", "hours": 1, "minutes": 30}),
        ("Every  90 seconds", {"type": "interval", "seconds": 90}),
        ("every 0.5s", {"type": "interval", "seconds": 0.5}),
        ("every minute", {"type": "interval", "minutes": 1}),
        ("daily 09:00", {"type": "daily", "time": "09:00"}),
        ("daily at 9:00", {"type": "daily", "time": "09:00"}),
        ("daily 09:00,17:30:15", {"type": "daily", "times": ["09:00", "17:30:15"]}),
        ("every day at 09:00 and 17:00", {"type": "daily", "times": ["09:00", "17:00"]}),
        ("weekly mon,fri 16:00", {"type": "weekly", "days": ["mon", "fri"], "time": "16:00"}),
        ("weekly mon-wed 09:00", {"type": "weekly", "days": ["mon", "tue", "wed"], "time": "09:00"}),
        ("weekly sat-mon 09:00", {"type": "weekly", "days": ["sat", "sun", "mon"], "time": "09:00"}),
        (
            "every Monday and Friday at 16:00",
            {"type": "weekly", "days": ["monday", "friday"], "time": "16:00"},
        ),
        ("monthly 1,last 09:00", {"type": "monthly", "days": [1, "last"], "time": "09:00"}),
        ("monthly first mon 09:00", {"type": "monthly", "week": "first", "weekday": "mon", "time": "09:00"}),
        ("0 9 * * 1-5", {"type": "cron", "expression": "0 9 * * 1-5"}),
        ("30 0 9 1 JAN MON#1", {"type": "cron", "expression": "30 0 9 1 JAN MON#1"}),
        ("@daily", {"type": "cron", "expression": "@daily"}),
        ("once 2026-12-24 18:00", {"type": "once", "at": "2026-12-24T18:00:00"}),
        ("once 2026-12-24T18:00:00+01:00", {"type": "once", "at": "2026-12-24T17:00:00Z"}),
        ("once tomorrow 09:00", {"type": "once", "at": "2026-03-02T09:00:00"}),
        ("once in 5m", {"type": "once", "at": "2026-03-01T12:05:00Z"}),
        ("daily 09:00 Europe/Berlin", {"type": "daily", "time": "09:00", "timezone": "Europe/Berlin"}),
        ("every day at 09:00 (UTC)", {"type": "daily", "time": "09:00", "timezone": "UTC"}),
        ("0 9 * * 1-5 Asia/Tokyo", {"type": "cron", "expression": "0 9 * * 1-5", "timezone": "Asia/Tokyo"}),
        ("*/5 * * * */2", {"type": "cron", "expression": "*/5 * * * */2"}),
    ],
)
def test_words_are_their_full_form(words: str, full: dict[str, Any]) -> None:
    assert full_schedule(words, now=NOW) == full
    assert task(words, now=NOW).to_dict() == task(full).to_dict()


@pytest.mark.parametrize(
    ("words", "form"),
    [
        ("9", "daily 09:00"),
        ("5", "every 5m"),
        ("monday 9", "weekly mon 09:00"),
        ("täglich 9 Uhr", "daily 09:00"),
        ("alle 5 Minuten", "every 5m"),
        ("daily 9", "daily 09:00"),
        ("daily at 9pm", "daily 21:00"),
        ("daily 25:00", "daily 09:00"),
        ("daily", "daily 09:00"),
        ("every", "every 5m"),
        ("every 0m", "every 5m"),
        ("every 5", "every 5m"),
        ("every 5 parsecs", "every 5m"),
        ("every 0.5 months", "monthly 1 09:00"),
        ("every day", "daily 09:00"),
        ("every -5m", "every 5m"),
        ("weekly 09:00", "weekly mon,fri 09:00"),
        ("weekly mod 09:00", "weekly mon,fri 09:00"),
        ("monthly third 09:00 mon", "weekly mon 09:00"),
        ("once", "daily 09:00"),
        ("at on", "daily 09:00"),
        ("", "daily 09:00"),
        ("every 5m every 5m", "every 5m"),
    ],
)
def test_ambiguous_or_foreign_words_are_refused_with_the_nearest_valid_forms(words: str, form: str) -> None:
    with pytest.raises(ValueError, match="is no schedule") as caught:
        full_schedule(words, now=NOW)
    forms = re.findall(r'"([^"]+)"', str(caught.value).rpartition("; write ")[2])
    assert form in forms
    assert [task(one).id for one in forms] == ["a"] * len(forms)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("once monday 9", "schedule: 'monday 9' is not a moment; write \"mon 09:00\""),
        ("once 2026-02-30 09:00", "is not a moment that exists"),
        ("0 9 * *", "has 4 fields; a cron expression has five"),
        ("@dayly", 'did you mean "@daily"?'),
        ("daily 09:00 Europe/Berln", 'did you mean "Europe/Berlin"?'),
        ("monthly 31,32 09:00", "schedule.days[1]: 32 is not a day of a month"),
        ("daily 24:00", "'24:00' is not a time of day"),
        ("daily " + "09:00," * 60 + "10:00", "has more than 300 characters"),
        ("daily 09:00" + " " * 400 + "x", "has more than 300 characters"),
    ],
    ids=lambda one: one[:30],
)
def test_fault_in_words_is_named(words: str, problem: str) -> None:
    with pytest.raises(InvalidTaskError, match=re.escape(problem)) as caught:
        task(words, now=NOW)
    assert len(str(caught.value)) < 600


def test_words_that_count_from_today_need_to_know_the_day() -> None:
    with pytest.raises(InvalidTaskError, match="'tomorrow 09:00' is not a moment"):
        task("once tomorrow 09:00")


def test_default_time_zone_counts_for_words_too() -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    found = task("once tomorrow 09:00", default_timezone="Asia/Tokyo", now=late).to_dict()["schedule"]
    assert found == {"type": "once", "at": "2026-03-03T09:00:00", "timezone": "Asia/Tokyo"}


def test_members_of_a_union_may_be_words() -> None:
    union = {"type": "any", "timezone": "Europe/Berlin", "schedules": ["daily 09:00", "weekly sat 12:00 UTC"]}
    assert task(union).schedule.describe() == (
        "every day at 09:00 (Europe/Berlin); or every Saturday at 12:00 (UTC)"
    )
    with pytest.raises(InvalidTaskError, match=r"schedule\.schedules\[1\]: '9' is no schedule"):
        task({"type": "any", "timezone": "Europe/Berlin", "schedules": ["daily 09:00", "9"]})


def test_stored_schedule_is_never_in_words() -> None:
    stored = {**task("daily 09:00").to_dict(), "schedule": "daily 09:00"}
    with pytest.raises(InvalidTaskError, match="is not an object"):
        read_stored_task(stored)


TIMES = st.times().map(lambda one: one.replace(microsecond=0).isoformat("auto"))
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+2"])
INTERVALS = st.dictionaries(
    st.sampled_from(["weeks", "days", "hours", "minutes", "seconds"]), st.integers(1, 999), min_size=1
).map(lambda counts: {"type": "interval", **counts})
DAILY = st.lists(TIMES, min_size=1, max_size=5).map(lambda times: {"type": "daily", "times": times})
WEEKLY = st.tuples(st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=7), TIMES).map(
    lambda found: {"type": "weekly", "days": found[0], "time": found[1]}
)
ONCE = st.datetimes().map(lambda at: {"type": "once", "at": at.replace(microsecond=0).isoformat()})


# "every day" and "every week" leave the time open, so they are not read.
OPEN = ({"type": "interval", "days": 1}, {"type": "interval", "weeks": 1})


@given(rule=st.one_of(INTERVALS.filter(lambda rule: rule not in OPEN), DAILY, WEEKLY, ONCE), zone=ZONES)
def test_schedule_shown_in_words_is_read_as_the_same_schedule(rule: dict[str, Any], zone: str) -> None:
    words = task({**rule, "timezone": zone}).schedule.describe()
    again = task(words, default_timezone=zone).schedule
    assert again.describe() == words
    assert again.timezone == zone


@given(text=st.text(max_size=60) | st.from_regex(r"(every|daily|weekly|once|monthly|@)[ a-z0-9:,*/-]{0,40}"))
def test_any_text_is_a_schedule_or_an_error_in_one_line(text: str) -> None:
    problem, found = "", {"type": "once"}
    try:
        found = full_schedule(text, now=NOW)
    except ValueError as error:
        problem = str(error)
    assert "\n" not in problem
    assert len(problem) < 600
    assert found["type"] in {"interval", "daily", "weekly", "monthly", "cron", "once"}
