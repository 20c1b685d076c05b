"""Names that stand for no file that could be read to its end, in every reader of files from outside."""

from __future__ import annotations

import os
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from mission_control.audit.stream.reader import tail
from mission_control.errors import TaskFileError
from mission_control.files import outside_file
from mission_control.files.calendar_file import read_calendar
from mission_control.files.json_file import read_json_file
from mission_control.files.outside_file import (
    open_outside_file,
    read_beginning,
    read_if_changed,
    read_outside_file,
)
from mission_control.handler_catalog.source import read_module
from workers.briefings import agenda

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mission_control.audit.stream.lines import CorruptLine

READERS: dict[str, Callable[[Path], Any]] = {
    "whole": lambda path: read_outside_file(path, 10),
    "if changed": lambda path: read_if_changed(path, 10, None),
    "beginning": lambda path: read_beginning(path, 10),
    "opened": open_outside_file,
}
IRREGULAR = ["pipe", "device", "endless device", "socket", "folder", "link to a pipe"]


def irregular(kind: str, folder: Path) -> Path:
    path = folder / "name"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(os.path.relpath(path))
        case "folder":
            path.mkdir()
        case "link to a pipe":
            os.mkfifo(folder / "pipe")
            path.symlink_to(folder / "pipe")
        case _:
            path.symlink_to("/dev/zero" if kind == "endless device" else "/dev/null")
    return path


def opens(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return the paths that are opened from now on."""
    found: list[object] = []
    genuine = os.open

    def noting(path: Any, *args: Any, **kwargs: Any) -> int:
        found.append(path)
        return genuine(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", noting)
    return found


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", IRREGULAR)
def test_name_of_no_regular_file_is_refused_without_being_opened(
    kind: str, reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = irregular(kind, tmp_path)
    opened = opens(monkeypatch)
    with pytest.raises(
        OSError, match=r"it is (not a regular file; save its content to one|a directory; name)"
    ):
        READERS[reader](path)
    assert opened == []


def test_regular_file_without_a_size_is_read_up_to_its_bound() -> None:
    endless = Path("/proc/self/pagemap")
    assert endless.stat().st_size == 0
    with pytest.raises(OSError, match="it is too large: 1,048,577 bytes, at most 1 MiB; split it up"):
        read_outside_file(endless, 1_048_576)


def test_file_that_grows_while_it_is_read_is_read_up_to_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"x" * 11)
    genuine = os.fstat

    def earlier(descriptor: int) -> os.stat_result:
        found = list(genuine(descriptor))
        found[6] = 0  # the size, before it grew
        return os.stat_result(found)

    monkeypatch.setattr(os, "fstat", earlier)
    with pytest.raises(OSError, match="it is too large: 11 bytes"):
        read_outside_file(path, 10)


@pytest.fixture
def stalled(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Files are on a file system that does not answer until the event is set."""
    answers = threading.Event()
    genuine = os.open

    def waiting(*args: Any, **kwargs: Any) -> int:
        answers.wait()
        return genuine(*args, **kwargs)

    monkeypatch.setattr(os, "open", waiting)
    monkeypatch.setattr(outside_file, "SECONDS", 0.02)
    yield answers
    answers.set()


def reading() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "reading stalled"]


@pytest.mark.parametrize("reader", READERS)
def test_file_that_does_not_answer_is_given_up_in_time_and_not_asked_again_meanwhile(
    reader: str, tmp_path: Path, stalled: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stalled"
    path.write_text("there")
    with pytest.raises(TimeoutError, match=r"it did not answer within 0\.02 seconds; check the file system"):
        READERS[reader](path)
    (left,) = reading()
    monkeypatch.setattr(outside_file, "SECONDS", 60.0)
    with pytest.raises(TimeoutError, match="it did not answer"):  # at once
        READERS[reader](path)
    assert reading() == [left]
    stalled.set()
    left.join(timeout=10)
    assert str(path) not in {
        one.path for one in psutil.Process().open_files()
    }  # what it opened late is closed
    assert read_outside_file(path, 10) == b"there"


def test_state_of_a_file_that_does_not_answer_is_given_up_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, genuine = threading.Event(), Path.stat

    def waiting(path: Path) -> os.stat_result:
        answers.wait()
        return genuine(path)

    monkeypatch.setattr(Path, "stat", waiting)
    monkeypatch.setattr(outside_file, "STATE_SECONDS", 0.02)
    with pytest.raises(TimeoutError, match=r"it did not answer within 0\.02 seconds"):
        outside_file.file_state(tmp_path / "stalled")
    answers.set()


def test_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    first = read_if_changed(path, 10, None)
    assert first is not None
    assert first.content == b"one"
    assert read_if_changed(path, 10, first.state) is None
    path.write_text("three")
    second = read_if_changed(path, 10, first.state)
    assert second is not None
    assert second.content == b"three"


def test_beginning_of_a_large_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789" * 1000)
    assert read_beginning(path, 12) == b"012345678901"


def audit_stream(path: Path) -> None:
    path.rename(path.with_name("a.jsonl.1"))
    found: list[CorruptLine] = []
    tail(path.with_name("a.jsonl"), 5, on_corrupt=found.append)
    raise OSError(str(found[0]))


def note(path: Path) -> None:
    _, line = agenda._beginning(path.parent, Path(path.name))
    raise OSError(line)


def calendar(path: Path) -> None:
    read_calendar(path)


def handler(path: Path) -> None:
    (source,) = read_module(path, "name")
    raise OSError(source.problem)


@pytest.mark.parametrize("door", [read_json_file, calendar, handler, note, audit_stream])
@pytest.mark.parametrize("kind", [one for one in IRREGULAR if one != "folder"])
def test_every_door_for_outside_files_refuses_what_is_no_file(
    door: Callable[[Path], object], kind: str, tmp_path: Path
) -> None:
    path = irregular(kind, tmp_path)
    with pytest.raises((OSError, TaskFileError), match="not a regular file"):
        door(path)


def test_notes_of_a_folder_on_a_stalled_file_system_say_so(tmp_path: Path, stalled: threading.Event) -> None:
    (tmp_path / "a.md").write_text("# A")
    (found,) = agenda.recent_notes(tmp_path, datetime(2020, 1, 1, tzinfo=UTC))
    assert "did not answer within" in found.first_line
    assert not stalled.is_set()
