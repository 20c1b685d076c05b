"""Three locks say who uses the server; the kernel drops each with its last holder, even a killed one.

    start.lock   exclusive, for moments: a process joins, starts, stops or leaves the server
    users.lock   shared, for as long as a process uses the server
    server.lock  exclusive, for as long as a server uses the data: the server inherits it; it holds its pid

The first is `filelock`'s. It knows neither shared locks nor locks that another program inherits, so the
others are plain `flock`. They are dropped by closing, because LOCK_UN would drop them for every holder. A
forked child keeps its parent's users.lock, because it uses the server too.
"""

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from mission_control.store.embedded.patience import POLL_SECONDS, patiently

USERS_LOCK = "users.lock"
SERVER_LOCK = "server.lock"

# A process that another thread starts has copies of our locks from its fork until its exec.
FORKED_WITHIN_SECONDS = 5.0

# Exclusive locks held for moments. A child forked by another thread just then must not keep them.
_exclusive: set[int] = set()


def start_lock(directory: Path, *, seconds: float) -> FileLock:
    """Return the lock, also between threads; `with` raises TimeoutError after `seconds`."""
    path = directory / "start.lock"
    return FileLock(path, timeout=seconds, mode=0o600, poll_interval=POLL_SECONDS, fallback_to_soft=False)


def enter_users(directory: Path) -> int:
    """Register this process as a user until the returned descriptor is closed; under the start lock only.

    Raises:
        OSError: a process without the start lock keeps users out.
    """
    descriptor = _open(directory / USERS_LOCK)
    for _ in patiently(FORKED_WITHIN_SECONDS):
        if _is_locked_by_us(descriptor, fcntl.LOCK_SH):
            return descriptor
    os.close(descriptor)
    raise BlockingIOError(errno.EAGAIN, "another process keeps it locked", str(directory / USERS_LOCK))


def has_users(directory: Path, *, seconds: float = 0) -> bool:
    """Return whether any process still uses the server after `seconds`; true while the start lock is held."""
    for _ in patiently(seconds):
        descriptor = _lock(directory / USERS_LOCK)
        if descriptor is not None:
            close_lock(descriptor)
            return False
    return True


def take_server_lock(directory: Path) -> int | None:
    """Return the lock to hand to a new server, or None while a server runs on this data.

    Close it with `close_lock`; a server that inherited it keeps the lock.
    """
    return _lock(directory / SERVER_LOCK)


def close_lock(descriptor: int) -> None:
    """Let go of an exclusive lock."""
    _exclusive.discard(descriptor)
    os.close(descriptor)


def record_pid(server_lock: int, pid: int) -> None:
    """Write into the server lock which process inherited it."""
    os.ftruncate(server_lock, 0)
    os.pwrite(server_lock, str(pid).encode(), 0)


def recorded_pid(directory: Path) -> int:
    """Return the process that inherited the server lock last, which may be gone; 0 where that is unknown."""
    with suppress(OSError, ValueError):
        return int((directory / SERVER_LOCK).read_text())
    return 0


def _lock(path: Path) -> int | None:
    descriptor = _open(path)
    _exclusive.add(descriptor)
    if _is_locked_by_us(descriptor, fcntl.LOCK_EX):
        return descriptor
    close_lock(descriptor)
    return None


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _is_locked_by_us(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _let_go() -> None:
    while _exclusive:
        os.close(_exclusive.pop())


os.register_at_fork(after_in_child=_let_go)
