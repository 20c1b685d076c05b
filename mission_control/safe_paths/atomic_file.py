"""Replacing a file atomically: at any moment it is either the old one or the new one."""

import os
import tempfile
from pathlib import Path

from mission_control.safe_paths.own_files import make_folder
from mission_control.safe_paths.paths import require_safe


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
