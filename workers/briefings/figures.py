"""Durations, shares and local times in words."""

from collections.abc import Sized
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from mission_control.model.values.quantities import duration


def duration_ms(milliseconds: float | None) -> str:
    """Return a duration in words, "-" for None."""
    return "-" if milliseconds is None else duration(timedelta(milliseconds=milliseconds))


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
