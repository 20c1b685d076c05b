"""The fields that RedBeat expects in an entry's hash, written without importing RedBeat or Celery.

Beat reads the field `task`. `definition` and `meta` allow every tool that reads RedBeat's layout to load
the entry. RedBeat only has intervals, crontabs and rrules, none with a time zone, so `definition` has an
interval: the time between the task's next two occurrences.
"""

import json
from datetime import datetime
from typing import Any

from mission_control.model.definitions.task import TaskDefinition

_NO_SECOND_OCCURRENCE = 366 * 86_400.0


def redbeat_definition(task: TaskDefinition, now: datetime) -> str:
    """Return the `definition` field for a task."""
    options: dict[str, Any] = {"queue": task.queue, "priority": task.priority}
    first = task.schedule.next_after(now)
    second = None if first is None else task.schedule.next_after(first)
    definition = {
        "name": task.id,
        "task": task.handler,
        "args": [],
        "kwargs": {"task_id": task.id},
        "options": options,
        "schedule": {
            "__type__": "interval",
            "every": (second - first).total_seconds() if first and second else _NO_SECOND_OCCURRENCE,
            "relative": False,
        },
        "enabled": task.enabled,
    }
    return json.dumps(definition)


def redbeat_meta(last_run_at: datetime, total_run_count: int = 0) -> str:
    """Return the `meta` field; `last_run_at` is an aware datetime in UTC."""
    fields = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    moment = {name: getattr(last_run_at, name) for name in fields}
    moment |= {"__type__": "datetime", "timezone": "UTC"}
    return json.dumps({"last_run_at": moment, "total_run_count": total_run_count})
