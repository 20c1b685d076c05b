"""Could another user change a file or folder? Judged by owner and mode, as OpenSSH does for its keys."""

import stat
from collections.abc import Callable
from typing import Final, Literal

Fault = Literal["owner", "group", "everyone"]
"""Who could change it: an owner who is neither this user nor root, a group with other members, every user."""

ROOT: Final = 0


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
