from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from mission_control.errors import UnsafePathError
from mission_control.safe_paths.own_files import end_of, open_own, own_folder
from tests.stage.other_user import TROUBLE, give_away

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(params=[0o000, 0o022, 0o277], ids=oct)
def umask(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:  # noqa: ARG001  # made before
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_folder_is_made_private_with_its_parents_whatever_the_umask(tmp_path: Path) -> None:
    own_folder(tmp_path / "a" / "b")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a", tmp_path / "a" / "b")] == [
        0o700
    ] * 2


def test_folder_that_others_may_read_is_kept_or_made_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    own_folder(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    own_folder(tmp_path, is_private=True)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_nothing_is_made_where_another_user_may_write(tmp_path: Path) -> None:
    give_away(tmp_path)
    with pytest.raises(UnsafePathError, match=TROUBLE):
        own_folder(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_file_system_that_shows_a_private_folder_to_all_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setattr("pathlib.Path.chmod", lambda _path, _mode: None)
    with pytest.raises(UnsafePathError, match="keeps no modes: use a folder on another one"):
        own_folder(tmp_path, is_private=True)


@pytest.mark.usefixtures("umask")
def test_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    os.close(open_own(tmp_path / "file", os.O_WRONLY | os.O_CREAT))
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) & 0o077 == 0


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_APPEND])
def test_link_is_not_followed(tmp_path: Path, flags: int) -> None:
    (tmp_path / "target").write_text("kept")
    for name, target in {"link": "target", "dangling": "missing"}.items():
        (tmp_path / name).symlink_to(target)
        with pytest.raises(UnsafePathError, match=f"{name} is a link, which is not followed"):
            open_own(tmp_path / name, flags)
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_RDWR | os.O_CREAT])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_without_waiting_for_its_other_end(
    tmp_path: Path, make: Callable[[Path], None], flags: int
) -> None:
    make(tmp_path / "planted")
    with pytest.raises(UnsafePathError, match="planted is no regular file: move it away"):
        open_own(tmp_path / "planted", flags)


def test_hard_link_is_refused_and_its_file_kept(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "link").hardlink_to(tmp_path / "precious")
    with pytest.raises(UnsafePathError, match="link is a hard link"):
        open_own(tmp_path / "link", os.O_WRONLY | os.O_APPEND)
    assert (tmp_path / "precious").read_text() == "kept"


def test_folder_that_another_user_makes_in_the_meantime_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o1777)  # where other users may make folders

    def faster(folder: Path) -> None:
        folder.mkdir()
        give_away(folder)

    monkeypatch.setattr("mission_control.safe_paths.own_files.make_folder", faster)
    with pytest.raises(UnsafePathError, match=TROUBLE):
        own_folder(tmp_path / "data")


def test_file_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    give_away(tmp_path / "file")
    with pytest.raises(UnsafePathError, match=TROUBLE):
        open_own(tmp_path / "file", os.O_RDONLY)


@pytest.mark.parametrize(("size", "shown"), [(5, "nd: é"[-4:]), (100, "the end: é"), (1, "\ufffd")])
def test_end_of_a_file_is_read_as_text(tmp_path: Path, size: int, shown: str) -> None:
    (tmp_path / "short.log").write_text("the end: é", "utf-8")
    assert end_of(tmp_path / "short.log", size) == shown


def test_end_of_a_file_larger_than_memory_is_read(tmp_path: Path) -> None:
    with (tmp_path / "large.log").open("wb") as file:
        file.truncate(2**40)  # of which the disk holds nothing
        file.seek(0, os.SEEK_END)
        file.write(b"beat is out of order")
    assert end_of(tmp_path / "large.log", 12) == "out of order"
