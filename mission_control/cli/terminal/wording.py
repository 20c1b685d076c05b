"""Instants and spans of time in words."""

from datetime import datetime, timedelta, tzinfo
from typing import Final

from mission_control.model.values.quantities import duration

_NOW: Final = timedelta(milliseconds=500)


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


def span_ms(milliseconds: int | None) -> str:
    """Return a span of time in words, with its sign if it is negative; nothing for None.

    >>> span_ms(15), span_ms(2_400), span_ms(None)
    ('15 ms', '2.4 s', '')
    """
    if milliseconds is None:
        return ""
    sign = "-" if milliseconds < 0 else ""
    return sign + duration(timedelta(milliseconds=milliseconds))


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
