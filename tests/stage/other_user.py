"""A second user on this machine, who wants in; a real one, if the tests run as root."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

IS_ROOT: Final = os.geteuid() == 0
OTHER_USER: Final = pwd.getpwuid(65_534)
TROUBLE: Final = f"belongs to {OTHER_USER.pw_name}" if IS_ROOT else "may be written by every user"
"""What is wrong with a path that was given away."""


def give_away(path: Path) -> None:
    """Let another user change a path: give it to that user, or if we may not, let every user write it."""
    if IS_ROOT:
        os.chown(path, OTHER_USER.pw_uid, OTHER_USER.pw_gid)
    else:
        path.chmod(stat.S_IMODE(path.stat().st_mode) | stat.S_IRWXO)


def do_as_other_user(script: str, *, folder: Path) -> None:
    """Run a shell script as another user, with umask 000; if we are not root, as ourselves."""
    users = {"user": OTHER_USER.pw_uid, "group": OTHER_USER.pw_gid, "extra_groups": []} if IS_ROOT else {}
    subprocess.run(["sh", "-ec", script], cwd=folder, umask=0, check=True, **users)  # type: ignore[call-overload]
