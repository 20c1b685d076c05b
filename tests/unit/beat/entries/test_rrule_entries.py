"""RedBeat's rrules: due when RedBeat says, and found at once however long ago they began."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from celery import Celery
from redbeat.schedules import rrule

from beat.entries.redbeat_times import next_of_rrule

NOW = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)
BEGIN = datetime(2026, 11, 23, 8, 15, 30, 7, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
APP = Celery("rrule", set_as_current=False)


def rule(freq: str, dtstart: datetime = BEGIN, **parts: Any) -> Any:
    return rrule(freq, dtstart=dtstart, app=APP, **parts)


@pytest.mark.parametrize(
    "their_rule",
    [
        rule("SECONDLY"),
        rule("SECONDLY", interval=7, byminute=[3, 30]),
        rule("MINUTELY", interval=11),
        rule("HOURLY", byminute=[0, 59]),
        rule("DAILY", byhour=9, interval=3),
        rule("WEEKLY", byweekday=[0, 4], interval=2, wkst=6),
        rule("MONTHLY", bymonthday=-1),
        rule("MONTHLY", byweekday=[0, 1, 2, 3, 4], bysetpos=-1),
        rule("YEARLY", byyearday=[1, 200]),
        rule("YEARLY", byeaster=0),
        rule("MINUTELY", count=20),
        rule("MINUTELY", until=NOW + timedelta(minutes=2)),
        rule("HOURLY", dtstart=datetime(2026, 10, 24, 0, 30, tzinfo=BERLIN)),
    ],
    ids=repr,
)
def test_redbeat_entry_is_due_when_redbeat_says(their_rule: Any) -> None:
    moment = BEGIN
    for _ in range(50):
        expected = their_rule.rrule.after(moment)
        assert next_of_rrule(their_rule, moment) == expected
        if expected is None:
            break
        moment = expected.astimezone(UTC)


def test_rule_moves_on_in_the_hour_that_comes_twice() -> None:
    their_rule = rule("MINUTELY", dtstart=datetime(2026, 10, 25, 0, 0, tzinfo=BERLIN))
    moment = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)  # 02:30 for the second time
    assert next_of_rrule(their_rule, moment) == datetime(2026, 10, 25, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "their_rule",
    [
        rule("SECONDLY", dtstart=datetime(2000, 1, 1, tzinfo=UTC)),
        rule("MINUTELY", dtstart=datetime(2000, 1, 1, tzinfo=UTC), byhour=9, bymonth=2),
    ],
    ids=repr,
)
def test_rule_that_began_long_ago_is_found_at_once(their_rule: Any) -> None:
    began = time.process_time()
    assert next_of_rrule(their_rule, NOW) is not None
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("their_rule", "words"),
    [
        (rule("SECONDLY", bymonth=2, bymonthday=30), "never happens"),
        (rule("SECONDLY", dtstart=datetime(2000, 1, 1, tzinfo=UTC), count=1_000_000_000), "takes too long"),
    ],
)
def test_endless_search_of_a_rule_is_refused(their_rule: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        next_of_rrule(their_rule, NOW)
