"""The headers of a task's message: which of them Celery relies on, and what they must be."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from celery.utils.time import maybe_iso8601

from mission_control.model.values.identifiers import name_problem

_NAMES: Final = ("task", "id")
_TEXTS: Final = ("root_id", "parent_id", "group", "shadow", "origin", "lang", "argsrepr", "kwargsrepr")
_INSTANTS: Final = ("eta", "expires")
_COUNTS: Final = ("retries", "replaced_task_nesting")
_LISTS: Final = ("stamped_headers", "groups")
# Celery takes these from the body or knows them by itself; in the headers they are forged.
_FORGED: Final = (
    *("callbacks", "errbacks", "chain", "chord", "is_eager", "called_directly"),
    *("claimed_run", "ended_run"),
)
_LAST_YEAR: Final = 9998
"""Later instants leave the range of the calendar when a zone is applied to them."""


def headers_problem(headers: object) -> str | None:
    """Return why no worker can take a message with these headers, or None.

    Headers that Celery does not know are allowed: tracing tools add theirs.

    >>> headers_problem({"task": "handlers.hello.run", "id": "a", "retries": "abc"})
    'its header retries is not a count'
    """
    if not isinstance(headers, dict) or not headers:
        return "it has no headers: not a task's message"
    for name in _NAMES:
        if (problem := name_problem(headers.get(name))) is not None:
            return f"its header {name} {problem}"
    for name, is_fine, fault in _CHECKS:
        if not is_fine(headers.get(name)):
            return f"its header {name} {fault}"
    return None


def due_instant(headers: dict[str, object]) -> datetime | None:
    """Return the instant before which a message must not run, if it names one.

    >>> due_instant({"eta": "2025-10-16T09:00:00+00:00"})
    datetime.datetime(2025, 10, 16, 9, 0, tzinfo=datetime.timezone.utc)
    """
    return _instant(headers.get("eta"))


def expiry_instant(headers: dict[str, object]) -> datetime | None:
    """Return the instant after which a message must no longer run, if it names one."""
    return _instant(headers.get("expires"))


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _are_names(value: object) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(one, str) for one in value))


def _is_count(value: object) -> bool:
    return value is None or (type(value) is int and value >= 0)


def _is_instant(value: object) -> bool:
    return value is None or _instant(value) is not None


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str) or not value:
        return None
    try:
        instant: datetime = maybe_iso8601(value)
        if instant.year > _LAST_YEAR:
            return None
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError, TypeError):
        return None


def _are_limits(value: object) -> bool:
    if value is None:
        return True
    return isinstance(value, list) and len(value) == 2 and all(_is_limit(one) for one in value)  # noqa: PLR2004


def _is_limit(value: object) -> bool:
    if value is None:
        return True
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return 0 <= value <= timedelta.max.total_seconds()  # which neither NaN nor infinity is


_CHECKS: Final[tuple[tuple[str, Callable[[object], bool], str], ...]] = (
    *((name, _is_text, "is not text") for name in _TEXTS),
    *((name, _is_instant, "is not an instant up to the year 9998") for name in _INSTANTS),
    *((name, _is_count, "is not a count") for name in _COUNTS),
    *((name, _are_names, "is not a list of names") for name in _LISTS),
    ("timelimit", _are_limits, "is not a pair of limits in seconds"),
    ("stamps", lambda value: isinstance(value, dict | None), "is not an object"),
    ("compression", lambda value: value is None, "asks for decompression, which is not supported"),
    *((name, lambda value: not value, "is not allowed in a message") for name in _FORGED),
)
