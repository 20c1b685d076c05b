"""Schedules in words among those that a definition gives."""

from collections.abc import Mapping
from typing import Any


def full_form(schedule: object, context: Mapping[str, Any] | None, timezone: object = None) -> object:
    """Return the full form of a schedule in words; of anything else, itself.

    The validation context has the time zone, unless `timezone` is given, and the moment that "tomorrow" is
    counted from. Without a zone nothing is read as words: a stored definition has none.

    Raises:
        ValueError: the words are no schedule.
    """
    if not isinstance(schedule, str) or context is None or "default_timezone" not in context:
        return schedule
    from mission_control.model.definitions.schedules.shorthand.schedules import full_schedule

    here = timezone if isinstance(timezone, str) else context["default_timezone"]
    return full_schedule(schedule, now=context.get("now"), default_timezone=here)
