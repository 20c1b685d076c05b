"""Instants and spans of time in words, and the time zone in which a user reads and writes them."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import datetime, timedelta, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from mission_control.model.values.instants import parse_instant
from mission_control.model.values.quantities import duration
from mission_control.model.values.zones import zone

_INSTANT: Final = re.compile(r"(?<!['\"])\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]{3,6})?Z")
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


def labelled_time(moment: datetime, zone: ZoneInfo) -> str:
    """Return `moment` as clocks in `zone` show it, with the zone's name.

    >>> from datetime import UTC, datetime
    >>> from zoneinfo import ZoneInfo
    >>> labelled_time(datetime(2026, 3, 1, 8, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    '2026-03-01 09:00:00 Europe/Berlin'
    """
    return f"{local_time(moment, zone)} {zone.key}"


def in_own_time(text: str, zone: ZoneInfo) -> str:
    """Return a text of ours with its instants in UTC as clocks in `zone` show them; a quoted one stays.

    >>> from zoneinfo import ZoneInfo
    >>> in_own_time("paused until 2026-03-01T08:00:00Z", ZoneInfo("Europe/Berlin"))
    'paused until 2026-03-01 09:00:00 Europe/Berlin'
    """

    def shown(found: re.Match[str]) -> str:
        try:
            return labelled_time(parse_instant(found[0]), zone)
        except ValueError:  # someone's reason may look like an instant
            return found[0]

    return _INSTANT.sub(shown, text)


def both_times(moment: datetime, here: ZoneInfo, there: ZoneInfo, now: datetime) -> str:
    """Return `moment` in the user's own zone, also in another if clocks differ there, and how far off it is.

    >>> from datetime import UTC, datetime
    >>> from zoneinfo import ZoneInfo
    >>> now = datetime(2026, 3, 1, 7, tzinfo=UTC)
    >>> both_times(now.replace(hour=8), ZoneInfo("UTC"), ZoneInfo("Europe/Berlin"), now)
    '2026-03-01 08:00:00 UTC, 2026-03-01 09:00:00 Europe/Berlin (in 1 h)'
    """
    is_same = moment.astimezone(here).utcoffset() == moment.astimezone(there).utcoffset()
    zones = (here,) if is_same else (here, there)
    return f"{', '.join(labelled_time(moment, one) for one in zones)} ({in_how_long(moment, now)})"


def program_name() -> str:
    """Return what the user types to run this program; `./mc` says so."""
    return os.environ.get("MC_COMMAND", "mission-control")


def own_zone() -> ZoneInfo:
    """Return the time zone of the user: MISSION_CONTROL_TIMEZONE, else TZ if it names a zone, else UTC.

    Every time without an offset is read in it, and every time is shown in it.

    Raises:
        SettingsError: the environment describes no installation.
    """
    return _zone_by(os.environ.get("MISSION_CONTROL_TIMEZONE", "").strip(), os.environ.get("TZ", ""))


@cache
def _zone_by(setting: str, tz: str) -> ZoneInfo:
    from mission_control.configuration.settings import read_settings

    named = tz.removeprefix(":")
    if named and not setting:
        with suppress(ValueError):  # a rule such as "CET-1CEST" names no zone
            return zone(named)
    return zone(read_settings().timezone)
