"""The time zone in which a user reads and writes times."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from mission_control.model.values.zones import zone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


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
