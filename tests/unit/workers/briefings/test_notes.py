from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.safe_paths.beneath import open_beneath
from tests.stage.other_user import IS_ROOT, give_away
from workers.briefings.agenda import MOST_NOTES, recent_notes

if TYPE_CHECKING:
    from pathlib import Path

SINCE = datetime(2025, 10, 15, 7, tzinfo=UTC)


def write(path: Path, text: str | bytes, *, hours: float = 1) -> None:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    moment = (SINCE + timedelta(hours=hours)).timestamp()
    os.utime(path, (moment, moment))


@pytest.mark.parametrize(
    ("text", "title", "first_line"),
    [
        ("# Title\n\nText", "Title", "Text"),
        ("Text\n# Later title", "Later title", "Text"),
        ("", "note", ""),
        ("#\nText", "note", "Text"),
        ("---\ntitle: x\n---\n## Deep\nText", "Deep", "Text"),
        ("---\nno end", "note", "---"),
        ("\ufeff# With a mark\r\nText\r\n", "With a mark", "Text"),
        (b"# \xff\xfe\nText", "\ufffd\ufffd", "Text"),
    ],
)
def test_note_has_its_title_and_first_line(
    tmp_path: Path, text: str | bytes, title: str, first_line: str
) -> None:
    write(tmp_path / "note.md", text)
    (note,) = recent_notes(tmp_path, SINCE)
    assert (note.title, note.first_line) == (title, first_line)


def test_notes_are_bounded_and_latest_first(tmp_path: Path) -> None:
    for hours in range(MOST_NOTES + 5):
        write(tmp_path / f"{hours:03}.md", "x", hours=hours)
    notes = recent_notes(tmp_path, SINCE)
    assert len(notes) == MOST_NOTES
    assert notes[0].path == f"{MOST_NOTES + 4:03}.md"


def test_recent_notes_are_only_changed_markdown_files(tmp_path: Path) -> None:
    write(tmp_path / "old.md", "x", hours=-1)
    write(tmp_path / "text.txt", "x")
    write(tmp_path / ".hidden.md", "x")
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "broken.md").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.md")
    write(tmp_path / "new.MD", "x")
    assert [note.path for note in recent_notes(tmp_path, SINCE)] == ["new.MD"]


def test_link_in_the_notes_is_not_followed(tmp_path: Path) -> None:
    secret, notes = tmp_path / "secret", tmp_path / "notes"
    (secret / "folder").mkdir(parents=True)
    write(secret / "folder" / "note.md", "# hunter2")
    notes.mkdir()
    (notes / "linked.md").symlink_to(secret / "folder" / "note.md")
    (notes / "folder").symlink_to(secret / "folder")
    assert recent_notes(notes, SINCE) == []


def test_folder_that_becomes_a_link_while_notes_are_read_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").mkdir()
    write(tmp_path / "secret" / "note.md", "# hunter2")
    (tmp_path / "notes" / "folder").mkdir(parents=True)
    write(tmp_path / "notes" / "folder" / "note.md", "# mine")

    def read(folder: Path, note: Path) -> int:
        (folder / "folder").rename(folder / "aside")
        (folder / "folder").symlink_to(tmp_path / "secret")
        return open_beneath(folder, note)

    monkeypatch.setattr("mission_control.files.outside_file.open_beneath", read)
    (note,) = recent_notes(tmp_path / "notes", SINCE)
    assert (note.title, note.first_line[:15]) == ("note", "(cannot be read")


def test_hard_link_to_a_note_of_another_user_is_not_read(tmp_path: Path) -> None:
    write(tmp_path / "secret.md", "# hunter2")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "note.md").hardlink_to(tmp_path / "secret.md")
    if IS_ROOT:
        give_away(tmp_path / "notes")
    (note,) = recent_notes(tmp_path / "notes", SINCE)
    assert note.title == ("note" if IS_ROOT else "hunter2")


def test_huge_note_is_read_only_at_its_beginning(tmp_path: Path) -> None:
    write(tmp_path / "huge.md", "# Huge\n" + "x" * 10_000_000)
    (note,) = recent_notes(tmp_path, SINCE)
    assert len(note.first_line) < 5_000


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        recent_notes(tmp_path / "nowhere", SINCE)
