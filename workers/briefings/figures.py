"""Counts, durations, shares and local times in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sized
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

_SECOND_MS, _MINUTE_MS, _HOUR_MS = 1_000, 60_000, 3_600_000


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "run"), counted(1200, "run")
    ('1 run', '1,200 runs')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(milliseconds: float | None) -> str:
    """Return a duration in a fitting unit.

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


def share(part: Sized, whole: Sized) -> str:
    """Return the size of `part` as a percentage, 100 only for all of `whole` and 0 only for none.

    >>> share("a" * 999, "a" * 1000), share("a", "a" * 1000), share("aaa", "aaa"), share("", "")
    ('99%', '1%', '100%', '-')
    """
    if not len(whole):
        return "-"
    percent = round(100 * len(part) / len(whole))
    return f"{min(99, max(1, percent)) if 0 < len(part) < len(whole) else percent}%"


def clock(moment: datetime, zone: ZoneInfo) -> str:
    """Return the local time of day, with seconds only if they are not zero."""
    local = moment.astimezone(zone)
    return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"


def day_and_clock(moment: datetime, zone: ZoneInfo) -> str:
    """Return day and time, for example "Thu 16 Oct 09:00"."""
    return f"{short_day(moment.astimezone(zone).date())} {clock(moment, zone)}"


def short_day(day: date) -> str:
    """Return a day for example as "Thu 16 Oct"."""
    return f"{day:%a} {day.day} {day:%b}"


def long_day(day: date) -> str:
    """Return a day for example as "Thursday, 16 October 2025"."""
    return f"{day:%A}, {day.day} {day:%B %Y}"
