from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from celery.schedules import BaseSchedule, crontab, schedule
from pydantic import TypeAdapter

from beat.messages.celery_schedule import celery_schedule
from mission_control.model.definitions.schedules import Schedule

ANY: TypeAdapter[Any] = TypeAdapter(Schedule)


def in_celery(**fields: Any) -> Any:
    return celery_schedule(ANY.validate_python(fields), Celery("tests", set_as_current=False))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"type": "interval", "minutes": 5}, schedule(timedelta(minutes=5))),
        ({"type": "cron", "expression": "*/5 9 * * 1-5"}, crontab(minute="*/5", hour="9", day_of_week="1-5")),
        ({"type": "daily", "time": "09:30"}, crontab(minute="30", hour="9")),
        ({"type": "daily", "times": ["21:30", "09:30"]}, crontab(minute="30", hour="9,21")),
        (
            {"type": "weekly", "days": ["sunday", "mon"], "time": "09:00"},
            crontab(minute="0", hour="9", day_of_week="0,1"),
        ),
    ],
)
def test_schedule_that_celery_knows_is_converted_in_its_zone(fields: dict[str, Any], expected: Any) -> None:
    found = in_celery(**fields, timezone="Europe/Berlin")
    assert found == expected
    assert str(found.tz) == "Europe/Berlin"


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "interval", "minutes": 5, "measure_from": "finish"},
        {"type": "cron", "expression": "0 9 L * *"},
        {"type": "cron", "expression": "30 0 9 * * *"},
        {"type": "cron", "expression": "@daily"},
        {"type": "cron", "expression": "0 9 1 * 1"},
        {"type": "daily", "times": ["09:00", "10:30"]},
        {"type": "daily", "time": "09:00:30"},
        {"type": "daily", "time": "09:00", "exclude": ["sunday"]},
        {"type": "daily", "time": "09:00", "spread_seconds": 60},
        {"type": "once", "at": "2026-12-24T18:00:00Z"},
    ],
)
def test_schedule_that_celery_lacks_is_left_out(fields: dict[str, Any]) -> None:
    assert type(in_celery(**fields)) is BaseSchedule
