"""Time zones by their IANA names."""

import re
import zoneinfo
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import tzdata

from mission_control.model.problems.suggestions import nearest, quoted

_LONGEST_NAME = 64
_LIKE = 0.75  # there are so many short names that one is like any word
# In the database, but no place's time.
_NO_PLACE = frozenset({"Factory"})
# A number in a name is an offset. "GMT+2" may mean two hours ahead of UTC, or behind it, as in "Etc/GMT+2".
_OFFSET = re.compile(r"[+-]?[0-9]")
_ABBREVIATION = re.compile(r"[A-Z]{2,5}")
# Abbreviations that only one region uses; "CST" and "IST" are used by several.
_ABBREVIATED = {
    "Z": "UTC",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "MDT": "America/Denver",
    "CDT": "America/Chicago",
    "EDT": "America/New_York",
    "JST": "Asia/Tokyo",
    "AEST": "Australia/Sydney",
    "AEDT": "Australia/Sydney",
    "NZST": "Pacific/Auckland",
    "NZDT": "Pacific/Auckland",
}


class ZoneData(NamedTuple):
    """The time zone data in use: its IANA release, such as "2025b", None if it does not say.

    `folder` is the machine's, None where the package tzdata is used. `packaged` is the release in that.
    """

    release: str | None
    folder: str | None
    packaged: str


def zone_data() -> ZoneData:
    """Return which data Python reads zones from: the machine's, or else the package's."""
    packaged = tzdata.IANA_VERSION
    for folder in zoneinfo.TZPATH:
        if Path(folder, "UTC").exists():
            return ZoneData(_release_in(Path(folder, "tzdata.zi")), folder, packaged)
    return ZoneData(packaged, None, packaged)


def _release_in(file: Path) -> str | None:
    try:
        with file.open(encoding="utf-8") as lines:
            return lines.readline().removeprefix("# version ").strip()
    except (OSError, ValueError):
        return None


def zone(name: str) -> ZoneInfo:
    """Return the zone called `name`, for example "Europe/Berlin".

    Only the names in IANA's list are zones, whatever else the machine has files for.

    Raises:
        ValueError: there is no such zone; the message names the intended one if that is clear. Or its data
            cannot be read.

    >>> zone("Asia/Tokyo").key
    'Asia/Tokyo'
    """
    if name not in _names():
        raise ValueError(_message(name))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"the data of the time zone {quoted(name)} cannot be read: {error}") from error


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(Path(tzdata.__path__[0], "zones").read_text("utf-8").split()) - _NO_PLACE


def _message(name: str) -> str:
    suggestion = _suggestion(name[:_LONGEST_NAME])
    if suggestion is not None:
        return f'{quoted(name)} is not a time zone; did you mean "{suggestion}"?'
    return f'{quoted(name)} is not a time zone; write an IANA name, for example "Europe/Berlin" or "UTC"'


def _suggestion(name: str) -> str | None:
    """Return the zone that a name of Windows, an abbreviation, a city or a misspelt name stands for."""
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    windows: dict[str, str] = WINDOWS_TO_OLSON
    known = windows.get(name.replace("Daylight", "Standard")) or _ABBREVIATED.get(name)
    if known is not None or _OFFSET.search(name) or name.endswith("Time"):
        return known
    written = name.replace(" ", "_")
    cities = {key.rpartition("/")[2]: key for key in sorted(_names())}
    city = None if "/" in name else nearest(written, cities, likeness=_LIKE)
    found = cities[city] if city is not None else nearest(written, sorted(_names()), likeness=_LIKE)
    is_abbreviation = _ABBREVIATION.fullmatch(name) and (city or found or "").casefold() != name.casefold()
    return None if is_abbreviation else found
