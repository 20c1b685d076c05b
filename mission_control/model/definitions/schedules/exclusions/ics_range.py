"""Events that reach towards the ends of the calendar, where the library that expands events overflows."""

from datetime import date, datetime, time, timedelta
from typing import Any, Final

ENDLESS: Final = "X-MISSION-CONTROL-ENDLESS"
"""The property of an event that never ends, for all that schedules ask: "until 9999-12-31" means that."""

LAST_YEAR: Final = 9998
"""The last year in which events are known."""

_FIRST: Final = datetime(1900, 1, 1)  # noqa: DTZ001  # before any occurrence that a schedule is asked about
_END: Final = datetime(LAST_YEAR + 1, 1, 1)  # noqa: DTZ001
_LONGEST: Final = timedelta(days=365_000)


def begins_in_range(event: Any) -> bool:  # noqa: ANN401  # icalendar is untyped here
    """Return whether an event begins no later than `LAST_YEAR`."""
    return bool(event["DTSTART"].dt.year <= LAST_YEAR)


def bound(event: Any) -> None:  # noqa: ANN401
    """Shorten an event that lasts a thousand years or up to `LAST_YEAR`; its `ENDLESS` says so."""
    begin = event["DTSTART"].dt
    length = _length(event, begin)
    if length > _LONGEST and _naive(begin) < _FIRST:
        length -= _FIRST - _naive(begin)
        begin = _FIRST.replace(tzinfo=begin.tzinfo) if isinstance(begin, datetime) else _FIRST.date()
    room = min(_LONGEST, _END - _naive(begin))
    if length > room:
        length = room
        event[ENDLESS] = "TRUE"
    elif begin == event["DTSTART"].dt:
        return
    for name in ("DTSTART", "DTEND", "DURATION"):
        event.pop(name, None)
    event.add("DTSTART", begin)
    event.add("DTEND", begin + length)


def _length(event: Any, begin: date) -> timedelta:  # noqa: ANN401
    if "DTEND" in event:
        return _naive(event["DTEND"].dt) - _naive(begin)
    return event["DURATION"].dt if "DURATION" in event else timedelta(0)


def _naive(moment: date) -> datetime:
    if isinstance(moment, datetime):
        return moment.replace(tzinfo=None)
    return datetime.combine(moment, time.min)
