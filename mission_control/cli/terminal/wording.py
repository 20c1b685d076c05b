"""Instants, durations and counts in words."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_TENTHS_BELOW: Final = timedelta(seconds=10)
_NOW: Final = timedelta(milliseconds=500)


def duration(span: timedelta) -> str:
    """Return a span of time in its two largest units.

    >>> duration(timedelta(days=2, hours=3, minutes=4))
    '2 d 3 h'
    >>> duration(timedelta(seconds=1.24)), duration(timedelta(milliseconds=7))
    ('1.2 s', '7 ms')
    """
    span = abs(span)
    if span < timedelta(seconds=1):
        return f"{span / timedelta(milliseconds=1):.0f} ms"
    if span < _TENTHS_BELOW:
        return f"{span.total_seconds():.1f}".removesuffix(".0") + " s"
    rest = round(span.total_seconds())
    parts: list[str] = []
    for name, seconds in _UNITS:
        count, rest = divmod(rest, seconds)
        if count or parts:
            parts.append(f"{count} {name}" if count else "")
    return " ".join(part for part in parts[:2] if part)


def in_how_long(moment: datetime, now: datetime) -> str:
    """Return how far `moment` is from `now`.

    >>> from datetime import UTC, datetime
    >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> in_how_long(noon + timedelta(minutes=90), noon), in_how_long(noon - timedelta(hours=1), noon)
    ('in 1 h 30 min', '1 h ago')
    """
    span = moment - now
    if abs(span) < _NOW:
        return "now"
    words = f"{abs(span).total_seconds():.1f} s" if abs(span) < timedelta(seconds=1) else duration(span)
    return f"in {words}" if span > timedelta(0) else f"{words} ago"


def lateness(milliseconds: int | None) -> str:
    """Return how late something started, in words; nothing if it did not start.

    >>> lateness(15), lateness(2_400), lateness(None)
    ('15 ms', '2.4 s', '')
    """
    if milliseconds is None:
        return ""
    sign = "-" if milliseconds < 0 else ""
    return sign + duration(timedelta(milliseconds=milliseconds))


def counted(number: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "file"), counted(2, "file")
    ('1 file', '2 files')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def local_time(moment: datetime, zone: tzinfo) -> str:
    """Return `moment` as clocks in `zone` show it, with a fraction only where there is one.

    >>> from datetime import UTC, datetime
    >>> from zoneinfo import ZoneInfo
    >>> local_time(datetime(2026, 3, 1, 8, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    '2026-03-01 09:00:00'
    """
    local = moment.astimezone(zone).replace(tzinfo=None)
    timespec = "milliseconds" if local.microsecond else "seconds"
    return local.isoformat(sep=" ", timespec=timespec)
