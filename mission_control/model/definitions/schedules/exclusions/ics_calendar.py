"""The events of an iCalendar file, as spans of local time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mission_control.model.definitions.schedules.clock.wall_clock import to_local
from mission_control.model.definitions.schedules.exclusions.ics_text import (
    ENDLESS,
    LAST_YEAR,
    events_between,
    parsed_calendar,
)
from mission_control.model.problems.suggestions import quoted

if TYPE_CHECKING:  # several MiB that few schedules need
    from icalendar import Event

_DAY = timedelta(days=1)
_FOREVER = datetime.max  # noqa: DTZ901  # local
_MONTHS_REMEMBERED = 120


def read_ics(path: str, context: Mapping[str, Any] | None) -> IcsCalendar:
    """Return the calendar at `path`, read through the validation context's `read_text`.

    Raises:
        ValueError: there is no `read_text`, or the file cannot be read, or is no usable calendar.
    """
    read_text = (context or {}).get("read_text")
    if read_text is None:
        raise ValueError(
            f"calendar files cannot be read here, so {quoted(path)} cannot be excluded; remove it"
        )
    try:
        text = read_text(Path(path))
    except UnicodeDecodeError as error:
        raise ValueError(f"{quoted(path)} is not a text file in UTF-8; save it as one") from error
    except OSError as error:
        raise ValueError(f"{quoted(path)} cannot be read: {error.strerror or error}") from error
    return _calendar(path, text)


@lru_cache(maxsize=16)
def _calendar(path: str, text: str) -> IcsCalendar:
    return IcsCalendar(path, text)


class IcsCalendar:
    """The events of one calendar, without cancelled ones, up to the year 9998.

    `recurring-ical-events` expands a month when it is first asked about; the result is cached. Calendars
    with the same text are equal.
    """

    def __init__(self, path: str, text: str) -> None:
        self._text = text
        self._calendar = parsed_calendar(path, text)
        self._months: dict[tuple[int, int, str], list[tuple[datetime, datetime]]] = {}

    def event_at(self, local: datetime, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
        """Return start and end, in local time of `zone`, of the event that lasts longest from `local` on."""
        around = [
            (start, end)
            for start, end in self._events(local, zone)
            if start <= local < end or start == local == end
        ]
        return max(around, key=lambda event: event[1], default=None)

    def events(self, start: date, end: date) -> list[Event]:
        """Return the events from `start` up to `end`, each occurrence of a recurring one."""
        found = events_between(self._calendar, start, end)
        return [event for event in found if str(event.get("STATUS", "")).upper() != "CANCELLED"]

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, IcsCalendar) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)

    def _events(self, local: datetime, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
        month = (local.year, local.month, zone.key)
        if month not in self._months:
            if len(self._months) >= _MONTHS_REMEMBERED:
                self._months.clear()
            self._months[month] = self._expanded(date(local.year, local.month, 1), zone)
        return self._months[month]

    def _expanded(self, first: date, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
        """Return the events that touch the month from `first` on, with a day to spare for other zones."""
        if not 1 < first.year <= LAST_YEAR:
            return []
        following = (first + 31 * _DAY).replace(day=1)
        events = self.events(first - _DAY, following + _DAY)
        return [(_local(event.start, zone), _end(event, zone)) for event in events]


def _end(event: Event, zone: ZoneInfo) -> datetime:
    return _FOREVER if ENDLESS in event else _local(event.end, zone)


def _local(moment: date, zone: ZoneInfo) -> datetime:
    """Return the local time of a date (its midnight), an instant, or a time without zone (as it is)."""
    if not isinstance(moment, datetime):
        return datetime.combine(moment, time.min)
    return to_local(moment, zone) if moment.tzinfo is not None else moment
