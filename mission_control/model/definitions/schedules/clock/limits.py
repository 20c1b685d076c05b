"""Where a schedule starts and ends: an instant, a local time, or a date."""

from __future__ import annotations

from datetime import datetime, time
from typing import TYPE_CHECKING

from mission_control.model.definitions.schedules.clock.times_of_day import is_date, parse_date
from mission_control.model.definitions.schedules.clock.wall_clock import earliest, latest
from mission_control.model.values.instants import parse_moment

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


def check_limit(text: str) -> str:
    """Return `text` unchanged if it is a limit.

    Raises:
        ValueError: `text` is neither a date, nor a local time, nor an instant.

    >>> check_limit("2026-12-31")
    '2026-12-31'
    """
    if is_date(text):
        parse_date(text)
    else:
        parse_moment(text)
    return text


def first_instant(text: str, zone: ZoneInfo) -> datetime:
    """Return the first instant that is not before the limit.

    >>> from zoneinfo import ZoneInfo
    >>> str(first_instant("2026-01-01", ZoneInfo("Europe/Berlin")))
    '2025-12-31 23:00:00+00:00'
    """
    if is_date(text):
        return earliest(datetime.combine(parse_date(text), time.min), zone)
    moment = parse_moment(text)
    return moment if moment.tzinfo is not None else earliest(moment, zone)


def last_instant(text: str, zone: ZoneInfo) -> datetime:
    """Return the last instant that is not past the limit; a date ends with its day.

    >>> from zoneinfo import ZoneInfo
    >>> str(last_instant("2026-12-31T18:00", ZoneInfo("Europe/Berlin")))
    '2026-12-31 17:00:00+00:00'
    """
    if is_date(text):
        return latest(datetime.combine(parse_date(text), time.max), zone)
    moment = parse_moment(text)
    return moment if moment.tzinfo is not None else latest(moment, zone)
