"""Reading the ICS calendars named in exclusions."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mission_control.events import events
from mission_control.model.definitions.schedules.exclusions.ics_calendar import IcsCalendar

MAX_CALENDAR_BYTES: Final = 8 * 1024 * 1024
_NO_EVENTS: Final = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//none//EN\r\nEND:VCALENDAR\r\n"


@dataclass
class _Known:
    """What was last read from a path: its state then (inode, time, size) and its text."""

    state: tuple[int, int, int]
    text: str
    is_stale: bool = False


_known: dict[Path, _Known] = {}


def read_calendar(path: Path) -> str:
    """Return the text of a calendar file. The file is read again only after it has changed.

    If it can no longer be read, or no longer is a calendar, the text that this process last read from it
    holds until it can; this is logged once.

    Raises:
        OSError: the file cannot be read, and never was.
        ValueError: it is larger than `MAX_CALENDAR_BYTES`, not UTF-8 or no calendar, and never was one.
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
    # Without O_NONBLOCK, opening a pipe that has no writer would wait for ever.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        status = os.fstat(file.fileno())
        state = (status.st_ino, status.st_mtime_ns, status.st_size)
        if known is not None and known.state == state:
            known.is_stale = False
            return known
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{path} is not a regular file; export the calendar to one")
        if status.st_size > MAX_CALENDAR_BYTES:
            mebibytes = MAX_CALENDAR_BYTES // 1024**2
            raise ValueError(f"{path} is larger than {mebibytes} MiB; split it, or export fewer years")
        text = file.read(MAX_CALENDAR_BYTES).decode()
    if known is not None:  # what takes the place of a good calendar must be one
        IcsCalendar(str(path), text)
    return _Known(state, text)
