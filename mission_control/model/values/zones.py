"""Time zones by their IANA names."""

import re
from contextlib import suppress
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from mission_control.model.problems.suggestions import nearest, quoted

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
_LONGEST_NAME = 64
# Files of the zone database whose meaning depends on the machine they are read on.
_NOT_ZONES = frozenset({"localtime", "posixrules", "Factory"})


def zone(name: str) -> ZoneInfo:
    """Return the zone called `name`, for example "Europe/Berlin".

    Raises:
        ValueError: there is no such zone; the message names the likely intended one.

    >>> zone("Asia/Tokyo").key
    'Asia/Tokyo'
    """
    if len(name) <= _LONGEST_NAME and name not in _NOT_ZONES and _NAME.fullmatch(name):
        with suppress(ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo(name)
    raise ValueError(_message(name))


def _message(name: str) -> str:
    suggestion = _suggestion(name)
    if suggestion is not None:
        return f'{quoted(name)} is not a time zone; did you mean "{suggestion}"?'
    return f'{quoted(name)} is not a time zone; write an IANA name, for example "Europe/Berlin" or "UTC"'


def _suggestion(name: str) -> str | None:
    """Return the zone whose whole name, or whose city, is nearest to `name`."""
    zones = sorted(available_timezones() - _NOT_ZONES)
    cities = {key.rpartition("/")[2]: key for key in zones}
    city = nearest(name.replace(" ", "_"), cities)
    whole = nearest(name.replace(" ", "_"), zones)
    if "/" in name or city is None:
        return whole
    return cities[city]
