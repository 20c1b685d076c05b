"""Beat's journal as a table, for `mission-control status --journal`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mission_control.cli.terminal.wording import local_time
from mission_control.model.values.instants import parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import tzinfo


COLUMNS: Final = ("at", "event", "what")


def note_rows(notes: Iterable[Mapping[str, str]], here: tzinfo) -> Iterator[tuple[str, str, str]]:
    """Give a row for people of each note, times in their zone."""
    for note in notes:
        yield _time(note.get("at", ""), here), note.get("event", ""), _what(note)


def _what(note: Mapping[str, str]) -> str:
    if "problem" in note:
        return f"{note.get('key', '')}: {note['problem']}"
    rest = (f"{name} {value}" for name, value in note.items() if name not in {"at", "event"} and value)
    return ", ".join(rest)


def _time(text: str, here: tzinfo) -> str:
    try:
        return local_time(parse_instant(text), here)
    except ValueError:
        return text
