"""Judging a path: everything on the way to a file or folder, and itself."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mission_control.errors import UnsafePathError
from mission_control.safe_paths.group_rights import may_others_write, user_name, writers_named
from mission_control.safe_paths.judgement import ROOT, Fault, fault_of

_MOST_LINKS: Final = 40
_OTHERS_MAY_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


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
    if status.st_uid in {ROOT, os.geteuid()} and not status.st_mode & _OTHERS_MAY_WRITE:
        return None  # as most: this is asked at each `enqueue`
    fault = fault_of(
        status.st_mode,
        status.st_uid,
        user=os.geteuid(),
        is_parent=is_parent,
        has_other_members=lambda: may_others_write(place, status),
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
    owner = user_name(status.st_uid)
    if fault == "owner":
        return f"{place} belongs to {owner}, who could change it: run as {owner}, or use a place of your own"
    who, right = ("every user", "o-w") if fault == "everyone" else (writers_named(place, status), "g-w")
    if os.geteuid() in {ROOT, status.st_uid}:
        remedy = f"run `chmod {right} {place}`"
    elif stat.S_ISDIR(status.st_mode):  # which this user may write only as all others do
        remedy = f"have {owner} run `chmod +t {place}` and use a folder in it"
    else:
        remedy = f"have {owner} run `chmod {right} {place}`"
    return f"{place} may be written by {who}: {remedy}, or use a place of your own"
