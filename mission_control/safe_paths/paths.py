"""Judging a path: everything on the way to a file or folder, and itself."""

import errno
import os
import stat
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

from mission_control.errors import UnsafePathError

Fault = Literal["owner", "group", "everyone"]
"""Who could change it: an owner who is neither this user nor root, a group with other members, every user."""

ROOT: Final = 0
_LIST: Final = "system.posix_acl_access"
_HEADER_BYTES: Final = 4
_WRITE: Final = 2
_MOST_LINKS: Final = 40
_OTHERS_MAY_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def fault_of(
    mode: int, owner: int, *, user: int, is_parent: bool, has_other_members: Callable[[], bool]
) -> Fault | None:
    """Return who else than `user` and root could change what has this `mode` and `owner`, or None.

    A link is as safe as the folder that it is in. `is_parent`: what matters in a folder is one entry that is
    judged, too. In a sticky folder other users cannot replace that, so it may be writable by all. The group
    of the file is only asked about if it may write.

    >>> fault_of(0o040755, 0, user=1000, is_parent=True, has_other_members=lambda: True)
    >>> fault_of(0o040777, 1000, user=1000, is_parent=False, has_other_members=lambda: True)
    'everyone'
    """
    if owner not in {ROOT, user}:
        return "owner"
    if stat.S_ISLNK(mode) or (is_parent and mode & stat.S_ISVTX):
        return None
    if mode & stat.S_IWOTH:
        return "everyone"
    return "group" if mode & stat.S_IWGRP and has_other_members() else None


_USER, _OWNING_GROUP, _GROUP = 0x02, 0x04, 0x08  # acl(5) of Linux


def may_others_write(place: str | os.PathLike[str], status: os.stat_result) -> bool:
    """Return whether a user other than the owner, this one and root may write `place`, whose group may.

    With an access control list the group's rights in the mode are the most that anyone on it has.
    """
    entries = _access_control_list(place)
    writers = [(kind, who) for kind, rights, who in entries if rights & _WRITE]
    groups = [who for kind, who in writers if kind == _GROUP]
    if not entries or any(kind == _OWNING_GROUP for kind, _ in writers):
        groups.append(status.st_gid)
    trusted = {ROOT, status.st_uid, os.geteuid()}
    return any(kind == _USER and who not in trusted for kind, who in writers) or any(
        _has_other_members(group, status.st_uid) for group in groups
    )


def writers_named(place: str | os.PathLike[str], status: os.stat_result) -> str:
    """Return in words who may write `place`, whose group may."""
    import grp

    if _access_control_list(place):
        return "users on its access control list"
    try:
        return f"the group {grp.getgrgid(status.st_gid).gr_name}"
    except KeyError:
        return f"the group {status.st_gid}"


def user_name(user: int) -> str:
    """Return the name of a user, or a number in words if it has none."""
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def _access_control_list(place: str | os.PathLike[str]) -> list[tuple[int, int, int]]:
    """Return the kind, rights and id of each entry; none where there is no such list."""
    if sys.platform != "linux":
        return []
    try:
        found = os.getxattr(place, _LIST)
    except OSError:
        return []
    return list(struct.iter_unpack("<HHI", found[_HEADER_BYTES:]))


def _has_other_members(group: int, owner: int) -> bool:
    """Return whether a group has members other than `owner` and root; one without a name has none here.

    Many systems give each user a group of their own name, and let it write.
    """
    import grp

    try:
        found = grp.getgrgid(group)
    except KeyError:
        return False
    names = {user_name(owner), "root"}
    return found.gr_name not in names or not names.issuperset(found.gr_mem)


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
