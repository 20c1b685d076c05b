"""Times of day and dates as text."""

import re
from datetime import date, time

from mission_control.model.problems.suggestions import quoted

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_time(text: str) -> time:
    """Return the time of day that `text` names.

    Raises:
        ValueError: `text` is not "HH:MM" or "HH:MM:SS" between 00:00 and 23:59:59.

    >>> parse_time("09:00")
    datetime.time(9, 0)
    """
    if not _TIME.fullmatch(text):
        raise ValueError(
            f'{quoted(text)} is not a time of day; write "HH:MM" or "HH:MM:SS", for example "09:00"'
        )
    return time.fromisoformat(text)


def clock_text(text: str) -> str:
    """Return a time of day with both digits of its hour.

    >>> clock_text("9:00")
    '09:00'
    """
    return f"0{text}" if text[1:2] == ":" else text


def parse_date(text: str) -> date:
    """Return the date that `text` names.

    Raises:
        ValueError: `text` is not "YYYY-MM-DD", or no such day exists.

    >>> parse_date("2028-02-29")
    datetime.date(2028, 2, 29)
    """
    if not _DATE.fullmatch(text):
        raise ValueError(f'{quoted(text)} is not a date; write "YYYY-MM-DD", for example "2026-12-25"')
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{quoted(text)} is not a date that exists: {error}") from error


def is_date(text: str) -> bool:
    """Return whether `text` has the shape of a date, whether or not that day exists.

    >>> is_date("2026-02-30"), is_date("2026-02-30T09:00")
    (True, False)
    """
    return _DATE.fullmatch(text) is not None
