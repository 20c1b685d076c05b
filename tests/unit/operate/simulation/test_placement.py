"""A better minute, and enough workers, where the right answers are known."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mission_control.model.definitions.named_limit import NamedLimit
from mission_control.operate.simulation.placement import better_minutes, slots_needed
from tests.unit.operate.simulation.scenarios import always, scenario

SEVEN = {"schedule": {"type": "daily", "time": "07:00"}}
DAY = timedelta(days=1)


@pytest.mark.parametrize(("seconds", "slots"), [(0, 3), (9, 3), (10, 2), (25, 1)])
def test_so_many_slots_start_three_runs_of_ten_seconds_in_time(seconds: float, slots: int) -> None:
    given = scenario(*({"id": name, **SEVEN} for name in "abc"))
    assert slots_needed(given, DAY, timedelta(seconds=seconds)) == slots


def test_no_number_of_slots_is_enough_where_a_limit_keeps_runs_back() -> None:
    tasks: list[dict[str, Any]] = [{"id": name, **SEVEN, "limits": ["llm"]} for name in "ab"]
    given = scenario(*tasks, limits={"llm": NamedLimit(name="llm", concurrency=1)})
    assert slots_needed(given, DAY, timedelta(seconds=1)) is None


def test_runs_that_never_start_are_not_in_time() -> None:
    given = scenario({"id": "a", "schedule": "every 1s", "overlap": "allow"})
    assert slots_needed(given, timedelta(minutes=5), timedelta(seconds=1)) == 10


def test_better_minute_is_the_first_in_which_no_other_run_is_active() -> None:
    tasks = [{"id": name, **SEVEN} for name in "abc"]
    known = {name: always(600.0) for name in "bc"} | {"a": always(60.0)}
    found = better_minutes(
        scenario(*tasks, slots=9, known=known), DAY, (time(7), time(7, 20)), ZoneInfo("UTC"), "a"
    )
    assert found[0].to_json() == {"minute": "07:10", "active": 0.0, "fired": 0}
    crowded = better_minutes(
        scenario(*tasks, slots=9, known=known), DAY, (time(7), time(7, 2)), ZoneInfo("UTC"), "a"
    )
    assert [one.to_json() for one in crowded] == [
        {"minute": "07:01", "active": 2.0, "fired": 0},
        {"minute": "07:00", "active": 2.0, "fired": 2},
    ]


def test_window_over_midnight_is_in_the_zone_that_is_asked_for() -> None:
    given = scenario({"id": "a", **SEVEN})
    found = better_minutes(given, DAY, (time(23, 58), time(0, 2)), ZoneInfo("Europe/Berlin"), None)
    assert [f"{one.at:%H:%M}" for one in found] == ["00:00", "00:01", "23:58", "23:59"]
