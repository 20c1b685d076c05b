"""Beat's journal: what it fired, missed and set aside, for `mission-control status --journal`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mission_control import redis_keys
from mission_control.cli.wording import local_time
from mission_control.definitions.instants import parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import tzinfo

    from redis import Redis

COLUMNS: Final = ("at", "event", "what")


def last_notes(client: Redis, limit: int) -> list[dict[str, str]]:
    """Return the last notes, the oldest first; `at` and `event` are in each of them."""
    found: Any = client.xrevrange(redis_keys.BEAT_JOURNAL, count=limit)
    return [dict(fields) for _, fields in reversed(found)]


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
