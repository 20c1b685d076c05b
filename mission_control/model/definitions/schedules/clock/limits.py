"""Where a schedule starts and ends: an instant, a local time, or a date."""

from datetime import datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

from mission_control.model.definitions.schedules.clock.times_of_day import is_date, parse_date
from mission_control.model.definitions.schedules.clock.wall_clock import earliest, latest
from mission_control.model.values.fields import checked_by
from mission_control.model.values.instants import parse_moment

Limit = Annotated[str, checked_by(lambda text: parse_date(text) if is_date(text) else parse_moment(text))]
"""A date, a local time or an instant: the text is kept as it was written."""


def first_instant(text: str, zone: ZoneInfo) -> datetime:
    """Return the first instant that is not before the limit.

    >>> from zoneinfo import ZoneInfo
    >>> str(first_instant("2026-01-01", ZoneInfo("Europe/Berlin")))
    '2025-12-31 23:00:00+00:00'
    """
    return earliest(_moment(text, time.min), zone)


def last_instant(text: str, zone: ZoneInfo) -> datetime:
    """Return the last instant that is not past the limit; a date ends with its day.

    >>> from zoneinfo import ZoneInfo
    >>> str(last_instant("2026-12-31T18:00", ZoneInfo("Europe/Berlin")))
    '2026-12-31 17:00:00+00:00'
    """
    return latest(_moment(text, time.max), zone)


def _moment(text: str, of_a_date: time) -> datetime:
    return datetime.combine(parse_date(text), of_a_date) if is_date(text) else parse_moment(text)
