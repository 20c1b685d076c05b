from __future__ import annotations

import stat

import pytest

from mission_control.safe_paths.paths import Fault, fault_of

ME, OTHER, ROOT = 1000, 2000, 0
FOLDER, FILE, LINK = stat.S_IFDIR, stat.S_IFREG, stat.S_IFLNK


@pytest.mark.parametrize(
    ("mode", "owner", "on_the_way", "at_the_end"),
    [
        (FOLDER | 0o700, ME, None, None),
        (FOLDER | 0o755, ROOT, None, None),
        (FOLDER | 0o700, OTHER, "owner", "owner"),
        (FOLDER | 0o1777, OTHER, "owner", "owner"),
        (FOLDER | 0o1777, ROOT, None, "everyone"),
        (FOLDER | 0o1775, ROOT, None, "group"),
        (FOLDER | 0o777, ROOT, "everyone", "everyone"),
        (FOLDER | 0o707, ME, "everyone", "everyone"),
        (FOLDER | 0o702, ME, "everyone", "everyone"),
        (FOLDER | 0o775, ME, "group", "group"),
        (LINK | 0o777, ME, None, None),
        (LINK | 0o777, OTHER, "owner", "owner"),
        (FILE | 0o644, ROOT, None, None),
        (FILE | 0o666, ME, "everyone", "everyone"),
        (FILE | 0o600, OTHER, "owner", "owner"),
    ],
)
def test_what_another_user_could_change_is_faulty(
    mode: int, owner: int, on_the_way: Fault | None, at_the_end: Fault | None
) -> None:
    found = [
        fault_of(mode, owner, user=ME, is_parent=is_parent, has_other_members=lambda: True)
        for is_parent in (True, False)
    ]
    assert found == [on_the_way, at_the_end]


def test_group_without_other_members_may_write() -> None:
    assert fault_of(FOLDER | 0o775, ME, user=ME, is_parent=False, has_other_members=lambda: False) is None


def test_user_is_another_for_root() -> None:
    fault = fault_of(FOLDER | 0o700, ME, user=ROOT, is_parent=True, has_other_members=lambda: True)
    assert fault == "owner"
