from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from workers.briefings.occasion import write_briefing

if TYPE_CHECKING:
    from pathlib import Path


def test_run_writes_only_its_own_briefing_file(tmp_path: Path) -> None:
    paths = [
        write_briefing(tmp_path / "b", "day", f"by {run}\n", run) for run in ("r1", "r2", "r3", "r2", "r1")
    ]
    assert [path.name for path in paths] == ["day.md", "day-2.md", "day-3.md", "day-2.md", "day.md"]
    assert paths[1].read_text() == "by r2\n\n---\n\nWritten by the run `r2`.\n"


def test_file_written_by_hand_is_left_unchanged(tmp_path: Path) -> None:
    (tmp_path / "day.md").write_text("")
    (tmp_path / "day-2.md").write_bytes(b"\xff")
    assert write_briefing(tmp_path, "day", "mine", "r1").name == "day-3.md"
    assert (tmp_path / "day.md").read_text() == ""


def test_name_that_stands_for_a_pipe_is_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "day.md")
    assert write_briefing(tmp_path, "day", "mine", "r1").name == "day-2.md"


def test_briefing_is_readable_only_by_its_owner(tmp_path: Path) -> None:
    path = write_briefing(tmp_path / "new", "day", "", "r1")
    assert path.is_absolute()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_unwritable_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        write_briefing(tmp_path / "file" / "b", "day", "", "r1")
