"""Deadlines: their instants, also when clocks change, and what is news of a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mission_control.errors import InvalidTaskError
from mission_control.model.definitions.task import parse_task
from mission_control.model.policies.deadlines import deadlines_of, first_deadline, late, news
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState

BERLIN = "Europe/Berlin"
NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def task(**deadline: Any) -> Any:
    schedule = {"type": "daily", "time": "09:00", "timezone": BERLIN}
    return parse_task(
        {"id": "a", "schedule": schedule, "handler": "handlers.hello.run", "deadline": deadline or None}
    )


@pytest.mark.parametrize(
    ("due", "finish_by", "expected"),
    [
        ("2026-03-02T07:59Z", "09:00", "2026-03-02T08:00Z"),
        ("2026-03-02T08:00Z", "09:00", "2026-03-03T08:00Z"),  # the next such time is strictly after
        ("2026-03-02T23:30Z", "00:00:01", "2026-03-03T23:00:01Z"),
        ("2026-03-28T23:00Z", "08:00", "2026-03-29T06:00Z"),  # an hour is left out
        ("2026-03-29T00:30Z", "02:30", "2026-03-29T01:00Z"),  # that time does not exist
        ("2026-10-24T22:30Z", "02:30", "2026-10-25T00:30Z"),  # that time comes twice
        ("2026-10-25T00:30Z", "02:30", "2026-10-26T01:30Z"),
        ("2026-10-24T22:00Z", "08:00", "2026-10-25T07:00Z"),
    ],
)
def test_finish_by_is_the_next_such_time_in_the_zone_of_the_task(
    due: str, finish_by: str, expected: str
) -> None:
    given = task(finish_by=finish_by).deadline.of_run(BERLIN)
    assert deadlines_of(given, datetime.fromisoformat(due)) == {"finish_by": datetime.fromisoformat(expected)}


def test_zone_of_a_deadline_takes_the_place_of_that_of_the_schedule() -> None:
    given = task(finish_by="08:00", timezone="Asia/Tokyo").deadline.of_run(BERLIN)
    assert deadlines_of(given, NINE) == {"finish_by": datetime(2026, 3, 2, 23, tzinfo=UTC)}


def test_durations_are_text_or_seconds_and_the_first_deadline_is_the_earliest() -> None:
    one = task(start_within="5m", finish_within=90)
    assert one.to_dict()["deadline"] == {"start_within": 300, "finish_within": 90}
    assert first_deadline(one.deadline.of_run(BERLIN), NINE) == (NINE + timedelta(seconds=90)).timestamp()
    assert parse_task(one.to_dict()) == one


def test_deadline_beyond_the_calendar_never_comes() -> None:
    given = task(finish_within="3650d", finish_by="08:00").deadline.of_run(BERLIN)
    instants = deadlines_of(given, datetime(9999, 12, 31, 12, tzinfo=UTC))
    assert {at.year for at in instants.values()} == {9999}


def test_task_without_a_deadline_is_written_without_one() -> None:
    plain = {"id": "a", "schedule": None, "handler": "handlers.hello.run"}
    assert "deadline" not in parse_task(plain).to_dict()
    assert parse_task({**plain, "deadline": None}).deadline is None


@pytest.mark.parametrize(
    ("deadline", "problem"),
    [
        ({"start_within": 0}, "deadline.start_within: 0 is too small"),
        ({"start_within": -5}, "deadline.start_within: -5 is too small"),
        ({"finish_within": "soon"}, "deadline.finish_within: 'soon' is no duration"),
        ({"finish_within": "5 parsecs"}, "deadline.finish_within: '5 parsecs' is no duration"),
        ({"finish_within": 1e12}, "deadline.finish_within: "),
        ({"finish_by": "25:00"}, "deadline.finish_by: '25:00' is not a time of day"),
        ({"finish_by": "8"}, "deadline.finish_by: '8' is not a time of day"),
        ({"finish_by": "08:00", "timezone": "Europe/Berln"}, 'did you mean "Europe/Berlin"?'),
        ({"start_withn": "5m"}, 'deadline.start_withn: unknown key; did you mean "start_within"?'),
        ({"timezone": "UTC"}, 'deadline: say when: "start_within", "finish_within" or "finish_by"'),
        ("5m", "deadline: "),
    ],
)
def test_wrong_deadline_is_refused_with_the_field_and_the_remedy(deadline: Any, problem: str) -> None:
    plain = {"id": "a", "schedule": None, "handler": "handlers.hello.run"}
    with pytest.raises(InvalidTaskError) as refused:
        parse_task({**plain, "deadline": deadline})
    assert problem in str(refused.value)


def waiting_run() -> RunRecord:
    return RunRecord(
        execution_id="a@20260302T090000Z",
        task_id="a",
        handler="handlers.hello.run",
        scheduled_time=NINE,
        dispatched_at=NINE,
        deadline={"start_within": 60, "finish_within": 120, "timezone": "UTC"},
    )


def test_each_deadline_is_news_once_and_then_nothing_is_to_come() -> None:
    run = waiting_run()
    assert news(run, NINE) == ([], (NINE + MINUTE).timestamp())
    assert news(run, NINE + MINUTE) == ([], (NINE + MINUTE).timestamp())
    assert news(run, NINE + 1.5 * MINUTE) == (["start_within"], (NINE + 2 * MINUTE).timestamp())
    noted = replace(run, late=["start_within"])
    assert news(noted, NINE + 1.5 * MINUTE) == ([], (NINE + 2 * MINUTE).timestamp())
    assert news(noted, NINE + 3 * MINUTE) == (["finish_within"], None)
    assert news(run, NINE + 3 * MINUTE) == (["start_within", "finish_within"], None)


def test_what_beat_has_noted_stands_even_if_another_clock_says_it_was_in_time() -> None:
    noted = replace(waiting_run(), late=["start_within"], first_started_at=NINE, state=RunState.RUNNING)
    assert late(noted) == ["start_within"]
    assert late(replace(noted, state=RunState.SKIPPED, first_started_at=None)) == ["start_within"]


def test_run_moved_by_hand_counts_from_its_new_time() -> None:
    moved = replace(waiting_run(), moved_to=NINE + 60 * MINUTE)
    assert late(moved, NINE + 60 * MINUTE) == []
    assert late(moved, NINE + 62 * MINUTE) == ["start_within"]
