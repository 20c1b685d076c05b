from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import pytest

from mission_control.errors import InvalidTaskError
from mission_control.operate.next_times import bare_schedule, due_json, upcoming

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_occurrences_without_an_end_go_on() -> None:
    hourly = bare_schedule({"type": "interval", "hours": 1}, default_timezone="UTC")
    assert [due.hour for due in islice(hourly.occurrences(NOON), 3)] == [13, 14, 15]


def test_occurrences_with_an_end_include_it() -> None:
    hourly = bare_schedule({"type": "interval", "hours": 1}, default_timezone="UTC")
    until = NOON.replace(hour=14)
    assert [due.hour for due in hourly.occurrences(NOON, until)] == [13, 14]


def test_due_time_as_json_is_in_utc_and_local_time() -> None:
    daily = bare_schedule({"type": "daily", "time": "09:00"}, default_timezone="Europe/Berlin")
    due = next(upcoming(daily, NOON))
    assert due_json(due, daily) == {
        "scheduled_time": "2026-03-02T08:00:00Z",
        "local": "2026-03-02T09:00:00+01:00",
    }


def test_bad_schedule_is_refused_with_its_problem() -> None:
    with pytest.raises(InvalidTaskError, match='did you mean "daily"'):
        bare_schedule({"type": "dayly", "time": "09:00"}, default_timezone="UTC")
