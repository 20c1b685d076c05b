"""When a RedBeat entry fires, by its own schedule, and whatever another program stored as its due time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import Celery
from celery.schedules import crontab, schedule
from redbeat.schedulers import RedBeatSchedulerEntry
from redbeat.schedules import rrule

from beat.entries.redbeat_times import EntryDecision, decide_entry

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
APP = Celery("times", set_as_current=False)
APP.conf.update(redbeat_redis_url="redis://", redbeat_redis_options={"retry_period": None})


def decided(
    their_schedule: Any, last: datetime | None, now: datetime, *, hint: datetime = NINE, app: Celery = APP
) -> EntryDecision:
    entry = RedBeatSchedulerEntry("a", "handlers.x.run", their_schedule, app=app)
    entry.last_run_at = last
    return decide_entry(entry, hint, now)


SCHEDULES = {
    "interval": schedule(60),
    "relative": schedule(60, relative=True),
    "crontab": crontab(minute="*"),
    "rrule": rrule("MINUTELY", dtstart=NINE - timedelta(days=1), app=APP),
}


@pytest.mark.parametrize("their_schedule", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("early", [0.000001, 0.4, 59])
def test_entry_whose_stored_due_time_is_early_waits_for_its_own(their_schedule: Any, early: float) -> None:
    now = NINE - timedelta(seconds=early)
    decision = decided(their_schedule, NINE - MINUTE, now, hint=now)
    assert decision.occurrence is None
    assert decision.ask_again == NINE


@pytest.mark.parametrize("their_schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_entry_that_is_due_fires_its_occurrence_and_moves_on(their_schedule: Any) -> None:
    decision = decided(their_schedule, NINE - MINUTE, NINE + timedelta(seconds=0.25))
    assert (decision.occurrence, decision.ask_again) == (NINE, NINE + MINUTE)


@pytest.mark.parametrize("their_schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_entry_that_missed_many_occurrences_fires_once(their_schedule: Any) -> None:
    decision = decided(their_schedule, NINE - MINUTE, NINE + 90 * MINUTE + timedelta(seconds=1))
    assert (decision.occurrence, decision.ask_again) == (NINE, NINE + 91 * MINUTE)


@pytest.mark.parametrize("their_schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_entry_that_never_ran_is_due(their_schedule: Any) -> None:
    assert decided(their_schedule, None, NINE + timedelta(seconds=1)).occurrence is not None


def test_rule_of_one_occurrence_has_no_second_one() -> None:
    once = rrule("MINUTELY", dtstart=NINE, count=1, app=APP)
    assert decided(once, NINE - MINUTE, NINE).ask_again is None
    assert decided(once, NINE, NINE + MINUTE) == EntryDecision(None, None, NINE + MINUTE)


def test_crontab_past_its_starting_deadline_waits_for_the_next() -> None:
    strict = Celery("strict", set_as_current=False)
    strict.conf.update(APP.conf.changes, beat_cron_starting_deadline=30)
    late = decided(crontab(minute="0"), NINE - 60 * MINUTE, NINE + MINUTE, app=strict)
    assert (late.occurrence, late.ask_again) == (None, NINE + 60 * MINUTE)
    in_time = decided(crontab(minute="0"), NINE - 60 * MINUTE, NINE + timedelta(seconds=20), app=strict)
    assert in_time.occurrence == NINE


@pytest.mark.parametrize(
    ("their_schedule", "last", "words"),
    [
        (schedule(60), NINE + 2 * MINUTE, "lies in the future"),
        (schedule(0), NINE - MINUTE, "does not move on"),
    ],
)
def test_entry_that_could_never_fire_well_is_refused(their_schedule: Any, last: datetime, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        decided(their_schedule, last, NINE)
