"""The definition that tasks share that are defined alike, or as much of it as can be read."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import orjson

from mission_control.errors import InvalidTaskError, Problem
from mission_control.files.calendar_file import read_calendar, read_no_calendar
from mission_control.model.definitions.task import TaskDefinition, read_stored_task

_MOST_NAMED: Final = 3


def shared_definition(shared: dict[str, Any]) -> tuple[TaskDefinition, str]:
    """Return a stored definition without what is a task's own, and what is wrong with it, "" for nothing.

    One with a fault still tells when it is due if its schedule and handler can be read, without the events
    of calendars that cannot.

    Raises:
        InvalidTaskError: nothing tells when it is due.
    """
    text = orjson.dumps(shared)
    # A calendar file may change under a task; every other definition is checked once for all alike.
    check = _check if b'"ics"' in text else _check_once
    try:
        return check(text), ""
    except InvalidTaskError as error:
        return _readable_part(shared, error), _named(error.problems)


def _readable_part(shared: dict[str, Any], error: InvalidTaskError) -> TaskDefinition:
    """Return all but the calendars, or only what tells when to miss which handler's runs."""
    least = {name: shared.get(name) for name in ("schedule", "handler")}
    least["enabled"] = shared.get("enabled") is not False
    for part in (shared, least):
        try:
            return _check(orjson.dumps(part), read_no_calendar)
        except InvalidTaskError:
            continue
    raise error


def _named(problems: Sequence[Problem]) -> str:
    more = len(problems) - _MOST_NAMED
    return "; ".join(map(str, problems[:_MOST_NAMED])) + (f"; and {more} more" if more > 0 else "")


def _check(text: bytes, read_text: Callable[[Path], str] = read_calendar) -> TaskDefinition:
    return read_stored_task({**orjson.loads(text), "id": "shared"}, read_text=read_text)


_check_once = lru_cache(maxsize=2_048)(_check)
