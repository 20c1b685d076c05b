"""The reason of a missed occurrence that stands for all others up to a time."""

from datetime import datetime
from typing import Final

from mission_control.model.values.instants import parse_instant

_BEFORE: Final = "this and all before "


def together_reason(until: datetime) -> str:
    """Return why an occurrence, and all up to `until`, were missed."""
    return f"{_BEFORE}{until.isoformat()}: no beat fired them"


def stands_until(reason: object) -> datetime | None:
    """Return up to when a missed occurrence with this reason stands for all others; None if it does not.

    >>> stands_until(together_reason(parse_instant("2026-03-01T09:00Z"))).isoformat()
    '2026-03-01T09:00:00+00:00'
    """
    if not isinstance(reason, str) or not reason.startswith(_BEFORE):
        return None
    try:
        return parse_instant(reason.removeprefix(_BEFORE).partition(": ")[0])
    except ValueError:
        return None
