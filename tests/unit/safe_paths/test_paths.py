from __future__ import annotations

import grp
import os
import struct
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mission_control.errors import UnsafePathError
from mission_control.safe_paths.paths import entry_problem, path_problem, require_safe
from tests.stage.other_user import TROUBLE, give_away

OWNER, USER, OWNING_GROUP, GROUP, MASK, NO_ID = 1, 2, 4, 8, 16, 0xFFFF_FFFF
STRANGER = 65_534


def test_own_path_is_safe_whether_it_exists_or_not(tmp_path: Path) -> None:
    assert path_problem(tmp_path) is None
    assert path_problem(tmp_path / "missing" / "folder") is None


@pytest.mark.parametrize("below", ["", "own", "own/missing"])
def test_folder_that_another_user_could_change_is_named_with_a_remedy(tmp_path: Path, below: str) -> None:
    shared = tmp_path / "shared"
    (shared / "own").mkdir(parents=True)
    give_away(shared)
    with pytest.raises(UnsafePathError) as caught:
        require_safe(shared / below)
    assert str(caught.value).startswith(f"{shared} {TROUBLE}")
    assert "use a place of your own" in str(caught.value)
    assert caught.value.filename == str(shared / below)


def test_sticky_folder_is_safe_for_what_is_ours_in_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    (tmp_path / "own").mkdir()
    assert path_problem(tmp_path / "own") is None
    assert "may be written by every user" in str(path_problem(tmp_path))


@pytest.mark.parametrize("target", ["{}/shared/place", "shared/place", "../{name}/shared/place/", "hop"])
def test_link_is_as_safe_as_the_way_that_it_leads(tmp_path: Path, target: str) -> None:
    (tmp_path / "shared" / "place").mkdir(parents=True)
    (tmp_path / "hop").symlink_to(tmp_path / "shared" / "place")
    link = tmp_path / "link"
    link.symlink_to(target.format(tmp_path, name=tmp_path.name))
    assert path_problem(link / "file") is None
    give_away(tmp_path / "shared")
    assert path_problem(link / "file") == path_problem(tmp_path / "shared")


def test_way_up_does_not_hide_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "shared" / "below").mkdir(parents=True)
    give_away(tmp_path / "shared")
    (tmp_path / "link").symlink_to("shared/below")
    assert TROUBLE in str(path_problem(tmp_path / "link" / ".."))


def test_circle_of_links_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(OSError, match="symbolic links"):
        path_problem(tmp_path / "circle")


@pytest.mark.parametrize(("members", "is_safe"), [([], True), (["root"], True), (["ada"], False)])
def test_group_of_one_user_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: list[str], is_safe: bool
) -> None:
    tmp_path.chmod(0o775)
    group = grp.getgrgid(tmp_path.stat().st_gid)
    found = SimpleNamespace(gr_name=group.gr_name, gr_mem=members)
    monkeypatch.setattr("pwd.getpwuid", lambda _: SimpleNamespace(pw_name=group.gr_name))
    monkeypatch.setattr("grp.getgrgid", lambda _: found)
    assert (path_problem(tmp_path) is None) is is_safe


def test_group_without_a_name_has_no_other_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(group: int) -> Any:
        raise KeyError(group)

    tmp_path.chmod(0o775)
    monkeypatch.setattr("grp.getgrgid", unknown)
    assert path_problem(tmp_path) is None


@pytest.mark.parametrize(
    ("kind", "rights", "who", "is_safe"),
    [(USER, 7, STRANGER, False), (USER, 5, STRANGER, True), (USER, 7, 0, True), (GROUP, 3, STRANGER, False)],
)
def test_users_on_an_access_control_list_are_other_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: int, rights: int, who: int, is_safe: bool
) -> None:
    tmp_path.chmod(0o770)  # with a list, the group's rights are its mask
    monkeypatch.setattr("grp.getgrgid", lambda _: SimpleNamespace(gr_name="staff", gr_mem=["ada"]))
    entries = [(OWNER, 7, NO_ID), (kind, rights, who), (OWNING_GROUP, 5, NO_ID), (MASK, 7, NO_ID)]
    found = b"\x02\0\0\0" + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    monkeypatch.setattr(sys, "platform", "linux")  # other systems keep other lists
    monkeypatch.setattr(os, "getxattr", lambda _path, _name: found, raising=False)
    problem = (
        None if is_safe else f"{tmp_path} may be written by users on its access control list: run `chmod g-w"
    )
    assert str(path_problem(tmp_path)).startswith(str(problem))


@pytest.mark.parametrize(
    ("mode", "remedy"),
    [(0o100666, "`chmod o-w {}`,"), (0o040777, "`chmod +t {}` and use a folder in it, or")],
)
def test_remedy_of_what_root_owns_is_for_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, remedy: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: STRANGER)
    monkeypatch.setattr("mission_control.safe_paths.paths._keeps_modes", lambda _: True)
    status = SimpleNamespace(st_mode=mode, st_uid=0, st_gid=0)
    assert f"have root run {remedy.format(tmp_path)}" in str(entry_problem(tmp_path, cast("Any", status)))


def test_path_of_another_user_on_a_read_only_file_system_is_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_away(tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_RDONLY))
    assert path_problem(tmp_path) is None


def test_file_system_that_keeps_no_modes_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **given: Path(given["dir"], "open").open("wb"))  # noqa: SIM115
    (tmp_path / "open").touch()
    (tmp_path / "open").chmod(0o777)
    problem = f"{tmp_path} is on a file system that keeps no owners or modes: use a folder on another one"
    assert path_problem(tmp_path) == problem
