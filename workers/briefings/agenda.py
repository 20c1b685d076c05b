"""The events of a day in the user's own calendar."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from mission_control.files.calendar_file import read_calendar
from mission_control.model.definitions.schedules.exclusions.ics_calendar import IcsCalendar


@dataclass(frozen=True)
class AgendaEntry:
    """An event; `start` and `end` are local times, None where the event lasts beyond the day."""

    title: str
    location: str
    start: time | None
    end: time | None

    @property
    def span(self) -> str:
        """The event's time in words, for example "08:00-08:15" or "From 23:00"."""
        if self.start is None:
            return "All day" if self.end is None else f"Until {self.end:%H:%M}"
        if self.end is None:
            return f"From {self.start:%H:%M}"
        return f"{self.start:%H:%M}" + ("" if self.start == self.end else f"-{self.end:%H:%M}")


def events_on(calendar: Path, day: date, zone: ZoneInfo) -> list[AgendaEntry]:
    """Return the events that touch `day` in `zone`, recurring ones included, all-day ones first.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a usable calendar; the message says why.
    """
    read = IcsCalendar(str(calendar), read_calendar(calendar))
    midnights = [datetime.combine(one, time.min, tzinfo=zone) for one in (day, day + timedelta(days=1))]
    try:
        entries = [_entry(event, day, zone) for event in read.events(*midnights)]
    except Exception as error:  # the libraries raise anything at all for a malformed event
        raise ValueError(f"an event in it cannot be understood: {type(error).__name__}: {error}") from error
    return sorted(entries, key=_place_in_day)


def _place_in_day(entry: AgendaEntry) -> tuple[bool, time, str]:
    is_all_day = entry.start is None and entry.end is None
    return (not is_all_day, entry.start if entry.start is not None else time.min, entry.title)


def _entry(event: Any, day: date, zone: ZoneInfo) -> AgendaEntry:  # noqa: ANN401  # icalendar is untyped here
    return AgendaEntry(
        title=str(event.get("SUMMARY", "")).strip() or "(no title)",
        location=str(event.get("LOCATION", "")).strip(),
        start=_time_on(day, event.start, zone),
        end=_time_on(day, event.end, zone),
    )


def _time_on(day: date, moment: date, zone: ZoneInfo) -> time | None:
    if not isinstance(moment, datetime):
        return None
    local = moment if moment.tzinfo is None else moment.astimezone(zone)
    return local.time() if local.date() == day else None
