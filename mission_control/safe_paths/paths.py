"""Judging a path: everything on the way to a file or folder, and itself."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mission_control.errors import UnsafePathError
from mission_control.safe_paths.judgement import Fault, fault_of

_MOST_LINKS: Final = 40


def require_safe(path: Path) -> None:
    """Do nothing if only this user and root can change `path`, which need not exist.

    Raises:
        UnsafePathError: another user could; names the place, the user and the remedy.
    """
    problem = path_problem(path)
    if problem is not None:
        raise UnsafePathError(problem, path)


def path_problem(path: Path) -> str | None:
    """Return how another user could change `path`, and the remedy, or None.

    Every folder and link on the way is judged, as far as it exists. What is on a read-only file system is
    safe: another user can write it no more than this one.

    Raises:
        UnsafePathError: a folder on the way may not be looked into.
        OSError: the path cannot be looked up.
    """
    for place, status, is_parent in _way_to(path):
        problem = entry_problem(place, status, is_parent=is_parent)
        if problem is not None:
            return problem
    return None


def entry_problem(place: str | Path, status: os.stat_result, *, is_parent: bool = False) -> str | None:
    """Return the same of a single file or folder, whose parents are known to be safe."""
    fault = fault_of(
        status.st_mode,
        status.st_uid,
        user=os.geteuid(),
        is_parent=is_parent,
        has_other_members=lambda: _has_other_members(status.st_gid, status.st_uid),
    )
    if fault is None or (not stat.S_ISLNK(status.st_mode) and os.statvfs(place).f_flag & os.ST_RDONLY):
        return None
    if stat.S_ISDIR(status.st_mode) and not _keeps_modes(place):
        return f"{place} is on a file system that keeps no owners or modes: use a folder on another one"
    return _worded(fault, place, status)


def _way_to(path: Path) -> Iterator[tuple[str, os.stat_result, bool]]:
    """Yield each existing place on the way to `path` with its status, and whether it is only on the way."""
    # Strings, because paths would take ten times as long.
    place, rest, links = "", _parts(os.fspath(path.absolute())), 0
    yield "/", os.lstat("/"), bool(rest)
    while rest:
        name = rest.pop(0)
        found = (os.path.dirname(place) or "/") if name == ".." else f"{place}/{name}"  # noqa: PTH120
        try:
            status = os.lstat(found)
        except FileNotFoundError:
            return
        except PermissionError:
            problem = f"{place or '/'} is closed to this user: run as its owner, or use a place of your own"
            raise UnsafePathError(problem, path) from None
        is_link = stat.S_ISLNK(status.st_mode)
        yield found, status, bool(rest) or is_link
        if is_link:
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
            target = os.readlink(found)  # noqa: PTH115
            place, rest = "" if target.startswith("/") else place, [*_parts(target), *rest]
        else:
            place = found.rstrip("/")


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in {"", "."}]


def _has_other_members(group: int, owner: int) -> bool:
    """Return whether a group has members other than `owner` and root; one without a name has none here.

    Many systems give each user a group of their own name, and let it write.
    """
    import grp

    try:
        found = grp.getgrgid(group)
    except KeyError:
        return False
    names = {_user_name(owner), "root"}
    return found.gr_name not in names or not names.issuperset(found.gr_mem)


def _keeps_modes(folder: str | Path) -> bool:
    """Return whether a new private file in a folder is private; True if it cannot be tried."""
    import tempfile

    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            status = os.fstat(probe.fileno())
    except OSError:
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)


def _worded(fault: Fault, place: str | Path, status: os.stat_result) -> str:
    if fault == "owner":
        owner = _user_name(status.st_uid)
        return f"{place} belongs to {owner}, who could change it: run as {owner}, or use a place of your own"
    import grp

    try:
        group = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        group = str(status.st_gid)
    who, right = ("every user", "o-w") if fault == "everyone" else (f"the group {group}", "g-w")
    return f"{place} may be written by {who}: run `chmod {right} {place}`, or use a place of your own"


def _user_name(user: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
