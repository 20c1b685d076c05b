"""Notes of beat: what it did, and what it could not read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import echo, echo_json, printable, table, tell
from mission_control.cli.terminal.wording import local_time
from mission_control.model.values.instants import parse_instant

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_NOTE = (Column("event", Worth.KEY), Column("what", Worth.KEY, least=20))


def show_notes(notes: list[dict[str, str]], here: ZoneInfo, none: str, *, as_json: bool) -> None:
    """Print notes, or `none` if there are none."""
    if as_json:
        echo_json(notes)
    elif notes:
        rows = [
            (_time(note.get("at", ""), here), note.get("event", note.get("kind", "")), _what(note))
            for note in notes
        ]
        echo(table(Column(f"at ({here.key})", Worth.HIGH), *_NOTE, rows=rows))
    else:
        tell(none)


def _what(note: Mapping[str, str]) -> str:
    if "problem" in note:
        return printable(f"{note.get('what', note.get('key', ''))}: {note['problem']}")
    rest = (f"{name} {value}" for name, value in note.items() if name not in {"at", "event"} and value)
    return ", ".join(rest)


def _time(text: str, here: ZoneInfo) -> str:
    try:
        return local_time(parse_instant(text), here)
    except ValueError:
        return text
