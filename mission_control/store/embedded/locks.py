"""Three locks say who uses the server; the kernel drops each with its last holder, even a killed one.

    start.lock   exclusive, for moments: a process joins the server, or starts it
    users.lock   shared, for as long as a process uses the server; a forked child keeps its parent's
    server.lock  exclusive, for as long as a server uses the data: the server inherits it; it holds its pid

All are dropped by closing, because LOCK_UN would drop them for every holder. None of them is a descriptor
below 3: a program may have closed those, and whatever it opens or starts next would replace them.
"""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mission_control.safe_paths.own_files import open_own

USERS_LOCK = "users.lock"
SERVER_LOCK = "server.lock"
START_LOCK = "start.lock"

# Longer than the parent of a server that lost its users takes to end it, by force if need be.
ENTER_WITHIN_SECONDS = 15.0

# Exclusive locks held for moments. A child forked by another thread just then must not keep them.
_exclusive: set[int] = set()
POLL_SECONDS = 0.01


@contextmanager
def start_lock(directory: Path, *, seconds: float) -> Iterator[None]:
    """Hold the lock, also against other threads; raises TimeoutError after `seconds`."""
    for _ in patiently(seconds):
        descriptor = take_lock(directory / START_LOCK)
        if descriptor is not None:
            break
    else:
        raise TimeoutError
    try:
        yield
    finally:
        close_lock(descriptor)


def enter_users(directory: Path) -> int:
    """Register this process as a user until the returned descriptor is closed; under the start lock only.

    Raises:
        OSError: a server that lost its users does not end.
    """
    descriptor = _open(directory / USERS_LOCK)
    for _ in patiently(ENTER_WITHIN_SECONDS):
        if _is_locked(descriptor, fcntl.LOCK_SH):
            return descriptor
    os.close(descriptor)
    raise BlockingIOError(errno.EAGAIN, "another process keeps it locked", str(directory / USERS_LOCK))


def is_user(directory: Path, descriptor: int | None) -> bool:
    """Return whether a descriptor from `enter_users` is still that, and not closed or replaced since."""
    with suppress(OSError):
        return descriptor is not None and os.path.samestat(
            os.fstat(descriptor), (directory / USERS_LOCK).stat()
        )
    return False


def has_users(directory: Path) -> bool:
    """Return whether a process uses the server; not once the server is being ended."""
    descriptor = _open(directory / USERS_LOCK)
    try:
        return _is_locked(descriptor, fcntl.LOCK_SH) and not _is_locked(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)


def take_server_lock(directory: Path) -> int | None:
    """Return the lock to hand to a new server, or None while a server runs on this data.

    Close it with `close_lock`; a server that inherited it keeps the lock.
    """
    return take_lock(directory / SERVER_LOCK)


def has_server(directory: Path) -> bool:
    """Return whether a server runs on this data, or is ending."""
    server_lock = take_server_lock(directory)
    if server_lock is not None:
        close_lock(server_lock)
    return server_lock is None


def take_lock(path: Path) -> int | None:
    """Return an exclusive lock on a file of ours, or None while another process has it; see `close_lock`."""
    descriptor = _open(path)
    _exclusive.add(descriptor)
    if _is_locked(descriptor, fcntl.LOCK_EX):
        return descriptor
    close_lock(descriptor)
    return None


def is_taken(path: Path) -> bool:
    """Return whether a process has the exclusive lock on a file of ours."""
    descriptor = _open(path)
    try:
        return not _is_locked(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def close_lock(descriptor: int) -> None:
    """Let go of an exclusive lock."""
    _exclusive.discard(descriptor)
    os.close(descriptor)


def recorded_pid(directory: Path) -> int:
    """Return the process that inherited the server lock last, which may be gone; 0 where that is unknown."""
    with suppress(OSError, ValueError):
        return int((directory / SERVER_LOCK).read_text())
    return 0


def _open(path: Path) -> int:
    opened = open_own(path, os.O_RDWR | os.O_CREAT)
    try:
        return fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(opened)


def _is_locked(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _let_go() -> None:
    while _exclusive:
        os.close(_exclusive.pop())


os.register_at_fork(after_in_child=_let_go)


def patiently(seconds: float) -> Iterator[None]:
    """Yield again and again, with short pauses, for so many seconds; at least once."""
    deadline = time.monotonic() + seconds
    yield
    while time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        yield
