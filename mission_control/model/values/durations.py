"""Durations as text: "90s", "5m", "1h30m", "2 days"."""

import re
from typing import Final

from mission_control.model.problems.suggestions import quoted

# Ten years: longer than any task waits, and short enough for every date computed with it.
LONGEST_SECONDS: Final = 315_360_000
_SECONDS: Final = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
_UNITS: Final = {
    **dict.fromkeys(("w", "week", "weeks"), "weeks"),
    **dict.fromkeys(("d", "day", "days"), "days"),
    **dict.fromkeys(("h", "hr", "hour", "hours"), "hours"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "minutes"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "ms"), "seconds"),
}
_LONGEST: Final = 100
_BETWEEN_PARTS: Final = re.compile(r"(?<=[a-z])(?:, ?| and | )?(?=[0-9])")
_PART: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?([a-z]{1,7})")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")
_NO_FIXED_LENGTH: Final = re.compile(r"\b[0-9.]*\s*(mo|mos|month|months|y|yr|yrs|year|years)\b")


def parse_duration(text: str) -> float:
    """Return the seconds of a duration: numbers with units, the largest first.

    A day is 24 hours, a week seven days. There is no unit of varying length, such as a month.

    Raises:
        ValueError: it is no duration; a bare number is none. The message names the nearest forms.

    >>> parse_duration("1h30m"), parse_duration("2 days"), parse_duration("250ms")
    (5400.0, 172800.0, 0.25)
    """
    return round(sum(count * _SECONDS[unit] for unit, count in duration_parts(text).items()), 6)


def duration_parts(text: str) -> dict[str, float]:
    """Return how many weeks, days, hours, minutes and seconds a duration has, without those it does not name.

    Raises:
        ValueError: as `parse_duration`.

    >>> duration_parts("1h 30m")
    {'hours': 1.0, 'minutes': 30.0}
    """
    found = [_PART.fullmatch(part) for part in _BETWEEN_PARTS.split(text)] if len(text) <= _LONGEST else []
    pairs = [(_UNITS[one[2]], one) for one in found if one is not None and one[2] in _UNITS]
    order = [list(_SECONDS).index(unit) for unit, _ in pairs]
    if not pairs or len(pairs) < len(found) or order != sorted(set(order)):
        raise ValueError(f"{quoted(text)} is no duration{_reason(text)}; write {_forms(text)}")
    return {unit: float(one[1]) / (1_000 if one[2] == "ms" else 1) for unit, one in pairs}


def _reason(text: str) -> str:
    if _NO_FIXED_LENGTH.search(text[:_LONGEST]):
        return ", because months and years vary in length"
    return ", because it has no unit" if text.strip().isdecimal() else ""


def _forms(text: str) -> str:
    """Return valid durations, with the number that stands in the text."""
    number = _NUMBER.search(text[:_LONGEST])
    if number is None:
        return '"90s", "5m", "1h30m" or "2d"'
    return f'"{number[0]}s", "{number[0]}m", "{number[0]}h" or "{number[0]}d"'
