"""How often a task may be due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mission_control.model.definitions.due_times import interval_problem
from mission_control.model.definitions.task import parse_task

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
OFTEN: dict[str, Any] = {"type": "interval", "seconds": 0.02}
DAILY = {"type": "daily", "time": "09:00"}


def problem(schedule: object, least: float) -> str | None:
    task = parse_task({"id": "a", "schedule": schedule, "handler": "handlers.hello.run"})
    found = interval_problem(task, timedelta(seconds=least), NOON)
    return None if found is None else str(found)


@pytest.mark.parametrize(
    ("schedule", "least", "shown"),
    [
        (OFTEN, 0.1, "0.02 s apart"),
        ({**OFTEN, "measure_from": "finish"}, 0.1, "0.02 s apart"),
        ({**OFTEN, "start": "2030-01-01"}, 0.1, "0.02 s apart"),
        ({"type": "any", "schedules": [DAILY, {**OFTEN, "start": "2030-01-01"}]}, 0.1, "0.02 s apart"),
        (
            {
                "type": "any",
                "schedules": [
                    {"type": "interval", "seconds": 1},
                    {"type": "interval", "seconds": 1, "anchor": "2026-01-01T00:00:00.05"},
                ],
            },
            0.1,
            "0.05 s apart",
        ),
        ({"type": "cron", "expression": "*/5 * * * * *"}, 60, "5 s apart"),
        ({"type": "daily", "times": ["09:00", "09:01", "15:00"]}, 300, "60 s apart"),
        ({"type": "rrule", "rule": "FREQ=MINUTELY", "dtstart": "2026-01-01T00:00:00"}, 300, "60 s apart"),
    ],
)
def test_task_that_is_due_too_often_is_refused(schedule: object, least: float, shown: str) -> None:
    text = problem(schedule, least)
    assert text is not None
    assert shown in text
    assert f"{least:g} s is the least here" in text
    assert "MISSION_CONTROL_LEAST_INTERVAL" in text


@pytest.mark.parametrize(
    ("schedule", "least"),
    [
        ({"type": "interval", "seconds": 0.1}, 0.1),
        ({"type": "cron", "expression": "* * * * * *"}, 1),
        (DAILY, 86_400),
        ({"type": "once", "at": "2030-01-01T00:00:00"}, 86_400),
        ({"type": "any", "schedules": [DAILY, {"type": "interval", "minutes": 5}]}, 0.1),
    ],
)
def test_task_that_is_due_at_most_as_often_is_taken(schedule: object, least: float) -> None:
    assert problem(schedule, least) is None
