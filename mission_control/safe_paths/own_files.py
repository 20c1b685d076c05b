"""Our own folders and files: made private, opened without following links."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from mission_control.errors import UnsafePathError
from mission_control.safe_paths.paths import entry_problem, require_safe

_PRIVATE = 0o700
# Linux and macOS report a link as ELOOP, FreeBSD as EMLINK.
_IS_LINK = {errno.ELOOP, errno.EMLINK}


def own_folder(folder: Path, *, is_private: bool = False) -> None:
    """Make sure that a folder of ours exists and that only this user and root can change it.

    It and its missing parents are created with mode 0700, whatever the umask. `is_private`: one that exists
    gets that mode, too.

    Raises:
        UnsafePathError: another user could change it or a parent, or see into a private one.
        OSError: it cannot be created.
    """
    require_safe(folder)
    if make_folder(folder):
        require_safe(folder)  # a file system may ignore the mode
    if is_private and stat.S_IMODE(folder.stat().st_mode) != _PRIVATE:
        folder.chmod(_PRIVATE)
        if stat.S_IMODE(folder.stat().st_mode) != _PRIVATE:
            raise UnsafePathError(
                f"{folder} is on a file system that keeps no modes: use a folder on another one", folder
            )


def make_folder(folder: Path, mode: int = _PRIVATE) -> bool:
    """Create a folder with exactly this mode, its missing parents too; return whether it was missing."""
    if folder.is_dir():
        return False
    make_folder(folder.parent, mode)
    with suppress(FileExistsError):  # another process was faster
        folder.mkdir(mode)
        folder.chmod(mode)  # the umask may have taken rights from the owner
    return True


def open_own(path: str | Path, flags: int, mode: int = 0o600) -> int:
    """Open a regular file in one of our folders and return the descriptor; an opener for `open`.

    It does not follow a link and does not wait for the other end of a pipe.

    Raises:
        UnsafePathError: it is a link or no regular file, or another user owns it or could write it.
        OSError: it cannot be opened.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    except OSError as error:
        if error.errno not in _IS_LINK:
            raise
        raise UnsafePathError(
            f"{path} is a link, which is not followed: put the file itself there", path
        ) from error
    status = os.fstat(descriptor)
    is_regular = stat.S_ISREG(status.st_mode)
    problem = entry_problem(path, status) if is_regular else f"{path} is no regular file: move it away"
    if problem is not None:
        os.close(descriptor)
        raise UnsafePathError(problem, path)
    return descriptor
