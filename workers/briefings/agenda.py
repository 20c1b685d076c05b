"""What is the user's own: the events of a day in their calendar, and their recently changed notes."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from mission_control.files.calendar_file import read_calendar
from mission_control.files.outside_file import read_beginning
from mission_control.model.definitions.schedules.exclusions.ics_calendar import IcsCalendar

MOST_NOTES: Final = 20
_MOST_FILES_SEARCHED: Final = 10_000
_MOST_BYTES_READ: Final = 4_096
_SUFFIXES: Final = frozenset({".md", ".markdown"})


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


@dataclass(frozen=True)
class Note:
    """A note: its path inside the folder, when it changed, its title and its first line of text."""

    path: str
    changed_at: datetime
    title: str
    first_line: str


def recent_notes(folder: Path, since: datetime) -> list[Note]:
    """Return the notes in `folder` and below that changed after `since`, the latest first.

    The number of files searched, the number of notes and the bytes read of each are bounded. Hidden files
    and folders are skipped. Links are not followed: they could lead to files that the user who put them there
    may not read.

    Raises:
        OSError: the folder cannot be read.
    """
    os.scandir(folder).close()  # os.walk would silently find nothing
    dated = [(_changed_at(path), path) for path in islice(_files(folder), _MOST_FILES_SEARCHED)]
    recent = sorted(((at, path) for at, path in dated if at is not None and at > since), reverse=True)
    return [_read(folder, path, at) for at, path in recent[:MOST_NOTES]]


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        names = (name for name in sorted(files) if not name.startswith("."))
        yield from (path for name in names if (path := Path(place, name)).suffix.lower() in _SUFFIXES)


def _changed_at(path: Path) -> datetime | None:
    try:
        status = path.lstat()
    except OSError:  # deleted meanwhile
        return None
    return datetime.fromtimestamp(status.st_mtime, UTC) if stat.S_ISREG(status.st_mode) else None


def _read(folder: Path, path: Path, changed_at: datetime) -> Note:
    relative = path.relative_to(folder)
    title, first_line = _beginning(folder, relative)
    return Note(relative.as_posix(), changed_at, title if title is not None else path.stem, first_line)


def _beginning(folder: Path, note: Path) -> tuple[str | None, str]:
    """Return the first heading and the first other line."""
    try:
        text = read_beginning(folder / note, _MOST_BYTES_READ, folder=folder).decode(
            "utf-8", errors="replace"
        )
    except OSError as error:
        return None, f"(cannot be read: {error.strerror})"
    lines = [line.strip() for line in _without_front_matter(text).splitlines() if line.strip()]
    headings = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
    others = [line for line in lines if not line.startswith("#")]
    return (headings[0] if headings and headings[0] else None), (others[0] if others else "")


def _without_front_matter(text: str) -> str:
    """Drop the YAML block between two lines of dashes with which many programs begin a note."""
    text = text.removeprefix("\ufeff")
    if not text.startswith("---\n"):
        return text
    _, found, rest = text[4:].partition("\n---")
    return rest.partition("\n")[2] if found else text
