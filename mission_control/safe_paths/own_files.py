"""Our own folders and files: made private, opened without following links, and replaced atomically."""

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from mission_control.errors import UnsafePathError
from mission_control.safe_paths.paths import entry_problem, require_safe

LOG_BYTES = 10_000_000
_PRIVATE = 0o700
# Linux and macOS report a link as ELOOP, FreeBSD as EMLINK.
_IS_LINK = {errno.ELOOP, errno.EMLINK}
# Of a folder, and of a pipe or a socket that no program reads.
_IS_NO_FILE = {errno.EISDIR, errno.ENXIO}


def own_folder(folder: Path, *, is_private: bool = False) -> None:
    """Make sure that a folder of ours exists and that only this user and root can change it.

    It and its missing parents are created with mode 0700, whatever the umask. `is_private`: one that exists
    gets that mode, too.

    Raises:
        UnsafePathError: another user could change it or a parent, or see into a private one.
        OSError: it cannot be created.
    """
    require_safe(folder)
    make_folder(folder)
    require_safe(folder)  # another user may have made it first, or the file system may ignore the mode
    if is_private and stat.S_IMODE(folder.stat().st_mode) != _PRIVATE:
        folder.chmod(_PRIVATE)
        if stat.S_IMODE(folder.stat().st_mode) != _PRIVATE:
            raise UnsafePathError(
                f"{folder} is on a file system that keeps no modes: use a folder on another one", folder
            )


def make_folder(folder: Path, mode: int = _PRIVATE) -> None:
    """Create a folder with exactly this mode, if it is missing; its missing parents, too."""
    if folder.is_dir():
        return
    make_folder(folder.parent, mode)
    with suppress(FileExistsError):  # another process was faster
        folder.mkdir(mode)
        folder.chmod(mode)  # the umask may have taken rights from the owner


def open_own(path: str | Path, flags: int, mode: int = 0o600) -> int:
    """Open a regular file in one of our folders and return the descriptor; an opener for `open`.

    It does not follow a link and does not wait for the other end of a pipe.

    Raises:
        UnsafePathError: it is a link, also a hard one, or no regular file, or another user owns it or could
            write it.
        OSError: it cannot be opened.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    except OSError as error:
        problem: str | None
        if error.errno in _IS_LINK:
            problem = f"{path} is a link, which is not followed: put the file itself there"
        elif error.errno in _IS_NO_FILE:
            problem = _no_file(path)
        else:
            raise
        raise UnsafePathError(problem, path) from error
    problem = _file_problem(path, os.fstat(descriptor))
    if problem is not None:
        os.close(descriptor)
        raise UnsafePathError(problem, path)
    return descriptor


def _file_problem(path: str | Path, status: os.stat_result) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return _no_file(path)
    if status.st_nlink > 1:
        return f"{path} is a hard link, so it may be another file as well: replace it with a copy of it"
    return entry_problem(path, status)


def _no_file(path: str | Path) -> str:
    return f"{path} is no regular file: move it away"


def open_log(path: Path) -> BinaryIO:
    """Open a log file of ours to append; one larger than `LOG_BYTES` becomes `….log.1` before.

    Raises:
        UnsafePathError, OSError: as `own_folder` and `open_own`.
    """
    own_folder(path.parent)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return open(path, "ab", buffering=0, opener=open_own)


def end_of(path: Path, size: int) -> str:
    """Return the text in the last `size` bytes of a file of ours, however large it is.

    Raises:
        UnsafePathError, OSError: as `open_own`.
    """
    with open(path, "rb", opener=open_own) as file:
        file.seek(-min(size, os.fstat(file.fileno()).st_size), os.SEEK_END)
        return file.read(size).decode(errors="replace")


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` to `path`, readable and writable by its owner alone (mode 0600).

    Readers see the old file or the new one, never a part, even after a crash: the content is on the disk
    before the name points to it. Missing directories are created, private ones. A symbolic link stays a
    link, and its target is replaced, unless another user could change where it leads.

    Raises:
        OSError: nothing was changed.
    """
    target = path
    if path.is_symlink():
        require_safe(path.parent)  # else another user could put a link of their own in its place
        require_safe(path)
        target = path.resolve()
    make_folder(target.parent)
    # Same directory, hence same file system: only there a rename is atomic. mkstemp makes it 0600.
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    # The rename lasts through a loss of power only once the directory is on the disk, too.
    directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
