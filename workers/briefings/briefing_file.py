"""Where a briefing is kept: one file a run, none written over by another."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

from filelock import FileLock

from mission_control.files.atomic_file import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCK_SECONDS: Final = 30
_TAIL_BYTES: Final = 1_024


def write_briefing(directory: Path, stem: str, lines: list[str], execution_id: str) -> Path:
    """Write a briefing as `<stem>.md` and return its absolute path.

    Guarantees: the file is whole or not there; a retry of a run writes over what that run wrote before;
    another run's file is never touched: the next free of `<stem>-2.md`, `<stem>-3.md`, … is taken.

    Raises:
        OSError: nothing was written.
    """
    text = "\n".join([*lines, *_signature(execution_id), ""])
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(directory / ".lock", timeout=_LOCK_SECONDS):
        candidates = _names(directory.resolve(), stem)
        path = next(one for one in candidates if not one.exists() or _was_written_by(execution_id, one))
        replace_file(path, text.encode())
    return path


def _names(directory: Path, stem: str) -> Iterator[Path]:
    yield directory / f"{stem}.md"
    yield from (directory / f"{stem}-{number}.md" for number in count(2))


def _signature(execution_id: str) -> list[str]:
    return ["---", "", f"Written by the run `{execution_id}`."]


def _was_written_by(execution_id: str, path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-min(_TAIL_BYTES, path.stat().st_size), 2)
        tail = file.read().decode("utf-8", errors="replace")
    return tail.rstrip().endswith("\n".join(_signature(execution_id)))
