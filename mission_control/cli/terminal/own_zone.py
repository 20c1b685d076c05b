"""The time zone in which a user reads and writes times."""

from __future__ import annotations

import os
from contextlib import suppress
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
    from mission_control.configuration.settings import PREFIX, read_settings

    timezone, named = read_settings().timezone, os.environ.get("TZ", "").removeprefix(":")
    if named and not os.environ.get(f"{PREFIX}TIMEZONE", "").strip():
        with suppress(ValueError):  # a rule such as "CET-1CEST" names no zone
            return zone(named)
    return zone(timezone)
