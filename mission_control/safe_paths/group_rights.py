"""Whom the group's right to write lets in: the members of a group, and users on an access control list."""

import os
import struct
import sys
from typing import Final

from mission_control.safe_paths.judgement import ROOT

_LIST: Final = "system.posix_acl_access"
_HEADER_BYTES: Final = 4
_USER, _OWNING_GROUP, _GROUP = 0x02, 0x04, 0x08  # acl(5) of Linux
_WRITE: Final = 2


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
