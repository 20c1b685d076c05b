"""The user's own notes: recently changed Markdown files."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

from mission_control.files.outside_file import read_beginning

MOST_NOTES: Final = 20
_MOST_FILES_SEARCHED: Final = 10_000
_MOST_BYTES_READ: Final = 4_096
_SUFFIXES: Final = frozenset({".md", ".markdown"})


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
