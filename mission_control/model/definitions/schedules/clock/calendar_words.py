"""Weekdays, months, dates and times of day as text, and lists and numbers in words."""

import re
from collections.abc import Sequence
from datetime import date, time

from mission_control.model.problems.suggestions import did_you_mean, quoted

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = "january february march april may june july august september october november december"
MONTHS = tuple(_MONTHS.split())
_SHORT = 3
_ONE_DAY_IN_ENGLISH = 1
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def weekday_number(name: str) -> int:
    """Return 0 for Monday up to 6 for Sunday; the name may be long or short, in any case.

    Raises:
        ValueError: there is no such day.

    >>> weekday_number("Fri")
    4
    """
    return _index(name, WEEKDAYS, 'a day of the week; write "monday" or "mon"')


def month_number(name: str) -> int:
    """Return 1 for January up to 12 for December; the name may be long or short, in any case.

    Raises:
        ValueError: there is no such month.

    >>> month_number("feb")
    2
    """
    return 1 + _index(name, MONTHS, 'a month; write 1 to 12, or "january" or "jan"')


def _index(name: str, names: tuple[str, ...], wanted: str) -> int:
    folded = name.casefold()
    for index, known in enumerate(names):
        if folded in {known, known[:_SHORT]}:
            return index
    raise ValueError(f"{quoted(name)} is not {wanted}{did_you_mean(name, names)}")


def in_words(items: Sequence[str], last: str = "and") -> str:
    """Return a list as English writes it.

    >>> in_words(["Monday", "Wednesday", "Friday"])
    'Monday, Wednesday and Friday'
    """
    if len(items) <= _ONE_DAY_IN_ENGLISH:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def ordinal(number: int) -> str:
    """Return a number's place in a row.

    >>> ordinal(1), ordinal(12), ordinal(23)
    ('1st', '12th', '23rd')
    """
    if number % 100 in {11, 12, 13}:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


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
