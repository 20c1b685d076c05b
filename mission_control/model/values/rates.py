"""Rates as text: how many in a time."""

import re
from typing import Final

from mission_control.model.problems.suggestions import quoted
from mission_control.model.values.durations import parse_duration

_RATE: Final = re.compile(r"([0-9]{1,7})/([0-9]{0,5}[a-z]{1,7})")


def parse_rate(text: str) -> tuple[int, float]:
    """Return how many a rate allows in how many seconds; both are above zero.

    Raises:
        ValueError: it is no rate, or zero.

    >>> parse_rate("30/m"), parse_rate("5/10s")
    ((30, 60.0), (5, 10.0))
    """
    found = _RATE.fullmatch(text)
    try:
        count, seconds = (0, 0.0) if found is None else (int(found[1]), window_of(found[2]))
    except ValueError:
        count, seconds = 0, 0.0
    if not count or not seconds:
        raise ValueError(f'{quoted(text)} is no rate; write how many in a time, such as "30/m" or "5/10s"')
    return count, seconds


def window_of(text: str) -> float:
    """Return the seconds of a rate's time: a duration, or a unit alone.

    Raises:
        ValueError: it is neither.

    >>> window_of("m"), window_of("12h")
    (60.0, 43200.0)
    """
    return parse_duration(text if text[:1].isdecimal() else f"1{text}")


def per_second(text: str) -> float:
    """Return a rate as a number a second.

    Raises:
        ValueError: as `parse_rate`.

    >>> per_second("30/m"), per_second("10/s")
    (0.5, 10.0)
    """
    count, seconds = parse_rate(text)
    return count / seconds
