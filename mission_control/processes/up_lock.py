"""At most one `up` works on a data directory.

Two locks say which, and what it has started:

    up.lock        held by the `up`; the file says which process that is
    services.lock  held by its beat and its worker with their children; the file has their process ids

The kernel drops a lock with its last holder, even a killed one. An `up` that stops in good order empties its
file, so a text without a lock is of one that was killed.
"""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from mission_control.safe_paths.own_files import own_folder
from mission_control.store.embedded.locks import close_lock, is_taken, patiently, take_lock

# An `up` that has stopped its services, and the services of one that was killed, end within seconds.
_GONE_WITHIN_SECONDS: Final = 20.0
_KILLED_WITHIN_SECONDS: Final = 5.0


@dataclass(frozen=True)
class UpProcess:
    """An `up`: its process on its host, its log file if it is detached, and how long its end may take."""

    pid: int
    host: str
    log: str | None
    stops_within: float


class UpLock:
    """The locks of one data directory, which no other user can change."""

    def __init__(self, data_dir: Path) -> None:
        self._path, self._services_path = data_dir / "up.lock", data_dir / "services.lock"
        self._held: int | None = None
        self.services: int | None = None
        """The lock that services inherit, once `take` has returned True."""

    def take(self, log: Path | None, stops_within: float) -> bool:
        """Become the `up` of the data directory until this process ends; False if another one is.

        Services that a killed one has left end before.
        """
        own_folder(self._path.parent)
        self._held = self._free_lock()
        if self._held is None:
            return False
        if _text(self._path):
            self.end_left_behind()
        me = UpProcess(os.getpid(), socket.gethostname(), None if log is None else str(log), stops_within)
        self._write(json.dumps(asdict(me)))
        self._services_path.unlink(missing_ok=True)  # what a handler has started may hold the old one
        self.services = take_lock(self._services_path)
        return True

    def note_service(self, pid: int) -> None:
        """Record a service that inherits the lock."""
        if self.services is not None:
            os.write(self.services, f"{pid}\n".encode())

    def leave(self) -> None:
        """Note that this `up` has stopped its services; the lock stays until the process has ended."""
        self._write("")

    def running(self) -> UpProcess | None:
        """Return the `up` that runs, wherever it does."""
        return self._recorded() if self._path.exists() and is_taken(self._path) else None

    def has_ended(self, up: UpProcess) -> bool:
        """Return whether an `up` that was running has ended; the managed server as well, if it can."""
        return not is_taken(self._path) or self._recorded() not in {up, None}

    def killed(self) -> UpProcess | None:
        """Return the `up` that was killed, if none runs and nothing has been cleared up since."""
        return self._recorded() if self._path.exists() and not is_taken(self._path) else None

    def end_left_behind(self) -> list[int]:
        """Wait for services that a killed `up` has left; return those that had to be killed.

        They notice that it is gone, and end by themselves, unless they are stopped or hang.
        """
        for _ in patiently(_GONE_WITHIN_SECONDS):
            if not (left := list(self._left_behind())):
                break
        for pid in left:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        for _ in patiently(_KILLED_WITHIN_SECONDS):
            if not any(self._left_behind()):
                break
        return left

    def clear(self) -> None:
        """Forget a killed `up`, whose services have ended; unless another one has begun meanwhile."""
        if (lock := take_lock(self._path)) is not None:
            os.ftruncate(lock, 0)
            close_lock(lock)

    def _free_lock(self) -> int | None:
        for _ in patiently(_GONE_WITHIN_SECONDS):  # readers have it for moments
            if (lock := take_lock(self._path)) is not None:
                return lock
            if self.running() is not None:
                break
        return None

    def _left_behind(self) -> Iterator[int]:
        if not self._services_path.exists() or not is_taken(self._services_path):
            return
        for pid in map(int, _text(self._services_path).split()):
            with suppress(ProcessLookupError, PermissionError):
                if os.getsid(pid) == pid:  # services lead a session each
                    yield pid

    def _recorded(self) -> UpProcess | None:
        try:
            return UpProcess(**json.loads(_text(self._path)))
        except (ValueError, TypeError):  # empty, or in the making
            return None

    def _write(self, text: str) -> None:
        if self._held is not None:
            os.ftruncate(self._held, 0)
            os.pwrite(self._held, text.encode(), 0)


def _text(path: Path) -> str:
    with suppress(FileNotFoundError):
        return path.read_text("utf-8")
    return ""
