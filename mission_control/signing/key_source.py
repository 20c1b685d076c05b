"""The setting of the signing keys: the keys themselves, or a file that has them."""

import os
import stat
from pathlib import Path
from typing import Final

from mission_control.signing.keyring import LEAST_LENGTH, MOST_KEYS, Keyring

FILE: Final = "file:"
_REMEDY: Final = "make one with `openssl rand -hex 32`"
_LARGEST_FILE: Final = 4_096


def read_keyring(source: str) -> Keyring:
    """Return the keys that a setting has: one or two, separated by a comma, or `file:` and an absolute path.

    In the file they are separated by a comma or a line break.

    Raises:
        ValueError: the file or a key cannot be used; says why and names the remedy, and quotes no key.
    """
    is_file = source.startswith(FILE)
    text = read_key_file(source.removeprefix(FILE)) if is_file else source
    keys = [key.strip() for key in text.replace("\n", ",").split(",") if key.strip()]
    if not keys:
        raise ValueError(f"there is no key in it; {_REMEDY}")
    if len(keys) > MOST_KEYS:
        raise ValueError(
            f"there are {len(keys)} keys; write the new one and, while it is rotated, the old one"
        )
    if len(set(keys)) < len(keys):
        raise ValueError("both keys are the same; write each key once")
    for at, key in enumerate(keys, 1):
        if len(key) < LEAST_LENGTH:
            raise ValueError(
                f"key {at} has {len(key)} characters, and at least {LEAST_LENGTH} are needed; {_REMEDY}"
            )
    return Keyring(tuple(key.encode() for key in keys), source)


def state_of_source(source: str) -> tuple[int, ...] | None:
    """Return what tells whether the file of a setting has changed; None if there is none."""
    if not source.startswith(FILE):
        return None
    try:
        found = os.stat(source.removeprefix(FILE))  # noqa: PTH116  # each `enqueue` asks
    except (OSError, ValueError):
        return None
    return found.st_ino, found.st_dev, found.st_ctime_ns, found.st_mtime_ns, found.st_size


def read_key_file(path: str) -> str:
    """Return the text of a key file that only its owner, or root, can read.

    Raises:
        ValueError: it cannot be used; says why and names the remedy.
    """
    if not Path(path).is_absolute():
        raise ValueError(f"{path!r} is not an absolute path; write for example file:/run/secrets/signing_key")
    try:
        # Without waiting: what a path names may be a pipe that is never written.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        if (problem := file_problem(os.fstat(descriptor), os.geteuid())) is not None:
            raise ValueError(f"{path} {problem.format(path=path)}")
        try:
            text = file.read(_LARGEST_FILE + 1).decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not text; {_REMEDY}") from error
    if len(text) > _LARGEST_FILE:
        raise ValueError(
            f"{path} has more than {_LARGEST_FILE:,} characters; name a file with the keys alone"
        )
    return text


def file_problem(found: os.stat_result, user: int) -> str | None:
    """Return why a file must not hold keys for a user, with its remedy; None if it may.

    As in PostgreSQL (`ssl_key_file`): others may not read or write it; the group may read root's.
    """
    if not stat.S_ISREG(found.st_mode):
        return "is not a regular file; name a file with the keys"
    if found.st_uid not in {0, user}:
        return f"belongs to another user (id {found.st_uid}); make it your own: chown {user} {{path}}"
    allowed = 0o750 if found.st_uid == 0 else 0o700
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o777 & ~allowed:
        return f"can be read or written by others (mode {mode:04o}); protect it: chmod 600 {{path}}"
    return None
