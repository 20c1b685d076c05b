"""Three locks that replace a keeper process; the kernel drops each with its last holder, however that ends.

    start.lock  exclusive, for moments: whoever joins, starts, stops or leaves
    users.lock  shared, for as long as a process uses the server
    owner.lock  exclusive, for as long as a *server* process uses the data: the server inherits it

The first is `filelock`'s. The other two are plain `flock`: filelock knows no shared locks, and cannot hand
a lock on to another program. A forked child holds its parent's users.lock with it, rightly: it uses the
server too. Locks are dropped by closing, never by LOCK_UN, which would drop them for every holder.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from contextlib import suppress
from functools import cache
from pathlib import Path

from filelock import FileLock

from mission_control.store.embedded.patience import POLL_SECONDS, patiently

START_LOCK = "start.lock"
USERS_LOCK = "users.lock"
OWNER_LOCK = "owner.lock"

# A process that another thread starts has copies of our locks from its fork until its exec.
FORKED_WITHIN_SECONDS = 5.0
LOOK_AGAIN_WITHIN_SECONDS = 0.05
COPIES_GONE_WITHIN_SECONDS = 1.0

# "1: FLOCK  ADVISORY  READ 4711 fe:00:1234 0 EOF": who took the lock, and the inode.
_LOCK_LINE = re.compile(r"FLOCK +\w+ +\w+ (\d+) \w+:\w+:(\d+) ")

# Exclusive locks held for moments. A child forked by another thread just then must not keep them.
_exclusive: set[int] = set()


def start_lock(directory: Path, *, seconds: float) -> FileLock:
    """Return the lock under which the server is joined, started, stopped and left; also between threads.

    Used as `with start_lock(…):`, it raises `TimeoutError` after `seconds`.
    """
    return FileLock(
        directory / START_LOCK,
        timeout=seconds,
        mode=0o600,
        poll_interval=POLL_SECONDS,
        fallback_to_soft=False,
    )


def enter_users(directory: Path) -> int:
    """Register this process as a user until the returned descriptor is closed; under the start lock only.

    Raises:
        OSError: somebody who does not hold the start lock keeps users out.
    """
    descriptor = _open(directory / USERS_LOCK)
    for _ in patiently(FORKED_WITHIN_SECONDS):
        if _is_locked_by_us(descriptor, fcntl.LOCK_SH):
            return descriptor
    os.close(descriptor)
    raise BlockingIOError(errno.EAGAIN, "somebody keeps it locked", str(directory / USERS_LOCK))


def has_users(directory: Path) -> bool:
    """Return whether any process is registered as a user; the answer holds while the start lock is held.

    Where nobody but this process has taken the lock, the child that keeps it is most likely one that another
    thread is just starting, so it is given longer to become another program.
    """
    path = directory / USERS_LOCK
    is_ours = _is_taken_by_us_alone(path)
    for _ in patiently(COPIES_GONE_WITHIN_SECONDS if is_ours else LOOK_AGAIN_WITHIN_SECONDS):
        descriptor = _lock(path)
        if descriptor is not None:
            close_lock(descriptor)
            return False
    return True


def _is_taken_by_us_alone(path: Path) -> bool:
    """Whether this process took all locks on a file, whoever has copies; False where nobody tells."""
    with suppress(OSError):
        inode = str(path.stat().st_ino)
        found = _LOCK_LINE.findall(Path("/proc/locks").read_text())
        return {pid for pid, locked in found if locked == inode} == {str(os.getpid())}
    return False


def take_ownership(directory: Path) -> int | None:
    """Return the descriptor to hand to a new server, or None while a server runs on this data.

    Close it with `close_lock`; a server that inherited it keeps the lock.
    """
    return _lock(directory / OWNER_LOCK)


def close_lock(descriptor: int) -> None:
    """Let go of an exclusive lock."""
    _exclusive.discard(descriptor)
    os.close(descriptor)


def record_owner(owner: int, pid: int) -> None:
    """Note in the owner lock which process it was handed to."""
    os.ftruncate(owner, 0)
    os.pwrite(owner, str(pid).encode(), 0)


def recorded_owner(directory: Path) -> int | None:
    """Return the process that the owner lock was last handed to; it may be gone."""
    with suppress(OSError, ValueError):
        return int((directory / OWNER_LOCK).read_text())
    return None


def _lock(path: Path) -> int | None:
    _let_go_in_forked_children()
    descriptor = _open(path)
    _exclusive.add(descriptor)
    if _is_locked_by_us(descriptor, fcntl.LOCK_EX):
        return descriptor
    close_lock(descriptor)
    return None


def _is_locked_by_us(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@cache
def _let_go_in_forked_children() -> None:
    os.register_at_fork(after_in_child=_let_go)


def _let_go() -> None:
    while _exclusive:
        os.close(_exclusive.pop())


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
