"""Reading the ICS calendars named in exclusions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mission_control.events import events
from mission_control.files.outside_file import FileState, read_if_changed
from mission_control.model.definitions.schedules.exclusions.ics_calendar import IcsCalendar

MAX_CALENDAR_BYTES: Final = 8 * 1024 * 1024
_NO_EVENTS: Final = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//none//EN\r\nEND:VCALENDAR\r\n"


@dataclass
class _Known:
    """What was last read from a path: its state then, and its text."""

    state: FileState
    text: str
    is_stale: bool = False


_known: dict[Path, _Known] = {}


def read_calendar(path: Path) -> str:
    """Return the text of a calendar file. The file is read again only after it has changed.

    If it can no longer be read, or no longer is a calendar, the text that this process last read from it
    holds until it can; this is logged once.

    Raises:
        OSError: the file cannot be read, or is larger than `MAX_CALENDAR_BYTES`, and never was read.
        ValueError: it is not UTF-8 or no calendar, and never was one.
    """
    known = _known.get(path)
    try:
        found = _read(path, known)
    except (OSError, ValueError) as error:
        if known is None:
            raise
        if not known.is_stale:
            events.calendar_unreadable(path, error)
        known.is_stale = True
        return known.text
    _known[path] = found
    return found.text


def read_no_calendar(_path: Path) -> str:
    """Return the text of a calendar without events: for what is asked of a task but its exclusions."""
    return _NO_EVENTS


def _read(path: Path, known: _Known | None) -> _Known:
    file = read_if_changed(path, MAX_CALENDAR_BYTES, None if known is None else known.state)
    if file is None:
        assert known is not None  # noqa: S101  # for the type checker
        known.is_stale = False
        return known
    text = file.content.decode()
    if known is not None:  # what takes the place of a good calendar must be one
        IcsCalendar(str(path), text)
    return _Known(file.state, text)
