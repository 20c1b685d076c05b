"""Counts, durations and local times in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_SECOND_MS, _MINUTE_MS, _HOUR_MS = 1_000, 60_000, 3_600_000


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "run"), counted(1200, "run")
    ('1 run', '1,200 runs')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(milliseconds: float | None) -> str:
    """Return a duration in the unit that suits it.

    >>> [duration(ms) for ms in (None, 84, 2_340, 250_000, 7_500_000)]
    ['-', '84 ms', '2.3 s', '4 min 10 s', '2 h 5 min']
    """
    if milliseconds is None:
        return "-"
    if milliseconds < _SECOND_MS:
        return f"{milliseconds:.0f} ms"
    if milliseconds < _MINUTE_MS:
        return f"{milliseconds / _SECOND_MS:.1f} s"
    if milliseconds < _HOUR_MS:
        minutes, rest = divmod(milliseconds, _MINUTE_MS)
        return f"{minutes:.0f} min {rest // _SECOND_MS:.0f} s"
    hours, rest = divmod(milliseconds, _HOUR_MS)
    return f"{hours:,.0f} h {rest // _MINUTE_MS:.0f} min"


def share(part: int, whole: int) -> str:
    """Return a part as a percentage that says 100 only for all and 0 only for none.

    >>> share(999, 1000), share(1, 1000), share(3, 3), share(0, 0)
    ('99%', '1%', '100%', '-')
    """
    if whole == 0:
        return "-"
    percent = 100 * part / whole
    return f"{min(99, max(1, round(percent)))}%" if 0 < part < whole else f"{percent:.0f}%"


def clock(moment: datetime, zone: ZoneInfo) -> str:
    """Return the local time of day; seconds only where there are some."""
    local = moment.astimezone(zone)
    return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"


def day_and_clock(moment: datetime, zone: ZoneInfo) -> str:
    """Return day and time, for example "Thu 16 Oct 09:00"."""
    return f"{short_day(moment.astimezone(zone).date())} {clock(moment, zone)}"


def short_day(day: date) -> str:
    """Return a day for example as "Thu 16 Oct", in English whatever the process's locale."""
    return f"{_DAYS[day.weekday()][:3]} {day.day} {_MONTHS[day.month - 1][:3]}"


def long_day(day: date) -> str:
    """Return a day for example as "Thursday, 16 October 2025"."""
    return f"{_DAYS[day.weekday()]}, {day.day} {_MONTHS[day.month - 1]} {day.year}"
