"""Opening a file in a folder of another user, who must not make it lead elsewhere."""

import errno
import os
import stat
from pathlib import Path

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# Where the system can, a folder is passed through that this user may not list.
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC


def open_beneath(folder: Path, relative: Path) -> int:
    """Open a regular file below `folder` for reading and return the descriptor.

    No link below the folder is followed, even if one takes the place of a folder meanwhile. A hard link to a
    file of a third user is refused.

    Raises:
        OSError: it cannot be opened, or is a link or no regular file.
    """
    place = os.open(folder, _FOLDER)
    try:
        owner = os.fstat(place).st_uid
        for name in relative.parts[:-1]:
            place = _opened(name, place, _FOLDER | os.O_NOFOLLOW)
        # Looked at first, because opening some devices does something.
        _require_file_of(owner, os.stat(relative.name, dir_fd=place, follow_symlinks=False), relative)
        place = _opened(relative.name, place, _FILE)
        _require_file_of(owner, os.fstat(place), relative)
    except BaseException:
        os.close(place)
        raise
    return place


def _opened(name: str, place: int, flags: int) -> int:
    found = os.open(name, flags, dir_fd=place)
    os.close(place)
    return found


def _require_file_of(owner: int, status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode) or (status.st_nlink > 1 and status.st_uid != owner):
        raise PermissionError(errno.EACCES, "it is not a regular file, or is a link", str(path))
