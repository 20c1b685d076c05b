"""When a task, or a schedule that no task has yet, is due."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from mission_control.errors import InvalidTaskError
from mission_control.files.calendar_file import read_calendar
from mission_control.model.definitions.schedules import Schedule
from mission_control.model.definitions.task import parse_task
from mission_control.model.policies.pause import PauseLayer
from mission_control.model.values.instants import format_instant


def bare_schedule(schedule: dict[str, Any], *, default_timezone: str) -> Schedule:
    """Return a schedule given as JSON.

    Raises:
        InvalidTaskError: lists every problem.
    """
    whole = {"id": "schedule", "handler": "handlers.hello.run", "schedule": schedule}
    try:
        return parse_task(whole, default_timezone=default_timezone, read_text=read_calendar).schedule
    except InvalidTaskError as error:
        raise InvalidTaskError(error.problems, subject="--schedule") from error


def due_json(due: datetime, schedule: Schedule, pauses: Iterable[PauseLayer] = ()) -> dict[str, str]:
    """Return a due time as a JSON object: in UTC, as local time in the schedule's zone, and its pause."""
    paused = next(({"paused": one.name} for one in pauses if one.holds(due)), {})
    local = due.astimezone(schedule.zone).isoformat()
    return {"scheduled_time": format_instant(due), "local": local, **paused}
