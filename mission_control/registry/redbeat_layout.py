"""The fields that RedBeat expects in an entry's hash, written without importing RedBeat or Celery.

Beat reads the field `task`. `definition` and `meta` allow every tool that reads RedBeat's layout to load
the entry. RedBeat only has intervals, crontabs and rrules, none with a time zone, so `definition` has an
interval: the time between the task's next two occurrences.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

from mission_control.model.definitions.schedules import ScheduleBase

_NO_SECOND_OCCURRENCE = 366 * 86_400.0


def redbeat_definition(form: Mapping[str, Any], schedule: ScheduleBase, now: datetime) -> str:
    """Return the `definition` field for a task of this stored form, and schedule."""
    definition = {
        "name": form["id"],
        "task": form["handler"],
        "args": [],
        "kwargs": {"task_id": form["id"]},
        "options": {"queue": form["queue"], "priority": form["priority"]},
        "schedule": {
            "__type__": "interval",
            "every": _interval(schedule, now),
            "relative": False,
        },
        "enabled": form["enabled"],
    }
    return orjson.dumps(definition).decode()


@lru_cache(maxsize=64)
def _interval(schedule: ScheduleBase, now: datetime) -> float:
    """Return the seconds between the next two occurrences; many tasks have equal schedules."""
    first = schedule.next_after(now)
    second = None if first is None else schedule.next_after(first)
    return (second - first).total_seconds() if first and second else _NO_SECOND_OCCURRENCE


@lru_cache(maxsize=1)
def redbeat_meta(last_run_at: datetime, total_run_count: int = 0) -> str:
    """Return the `meta` field; `last_run_at` is an aware datetime in UTC."""
    fields = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    moment = {name: getattr(last_run_at, name) for name in fields}
    moment |= {"__type__": "datetime", "timezone": "UTC"}
    return json.dumps({"last_run_at": moment, "total_run_count": total_run_count})
