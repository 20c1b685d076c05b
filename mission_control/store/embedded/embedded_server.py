"""Use the managed server: join the one that runs, or start it."""

import atexit
import os
from pathlib import Path

from mission_control.errors import EmbeddedServerError, UnsafePathError
from mission_control.safe_paths.own_files import own_folder
from mission_control.safe_paths.paths import require_safe
from mission_control.store.embedded.locks import (
    enter_users,
    has_server,
    has_users,
    is_user,
    patiently,
    recorded_pid,
    start_lock,
)
from mission_control.store.embedded.server_state import ServerState, read_state, write_state

FOLDER = "redis"
# Longer than any process holds the lock while it starts the server.
JOIN_WITHIN_SECONDS = 120.0
END_WITHIN_SECONDS = 15.0


class EmbeddedServer:
    """This process's use of the managed server; made by `join_embedded_server`.

    A process uses the server until it leaves or ends, however it ends, and so does each child that it forks.
    The server lives as long as it has users.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._users: int | None = None
        self._users_file: os.stat_result | None = None
        self._state: ServerState | None = None

    @property
    def url(self) -> str:
        """`redis://:password@127.0.0.1:port/0`, as of the last time this process joined.

        If another user has started a dead server again on another port, joining again returns the new URL.
        """
        return "" if self._state is None else self._state.url

    @property
    def pid(self) -> int:
        """The server's process."""
        return recorded_pid(self.directory)

    @property
    def is_held(self) -> bool:
        """Whether this process has not closed, as daemons do, the descriptor by which it uses the server."""
        if self._users is None or self._users_file is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._users), self._users_file)
        except OSError:
            return False

    def enter(self) -> None:
        """Use the server, and start it if none runs; under the start lock only."""
        from mission_control.store.embedded.server_start import running_server  # most processes start none

        known = read_state(self.directory)
        if known is None and self._state is None:
            self._wait_for_users_or_end()  # one that cannot be entered must not be kept alive by us
        if not is_user(self.directory, self._users):  # a program may close descriptors that are not its own
            self._users = enter_users(self.directory)
            self._users_file = os.fstat(self._users)
        if known is None and self._state is not None:
            known = self._state
            write_state(self.directory, known)
        self._state = running_server(self.directory, known)

    def leave(self) -> None:
        """Stop using the server, and return when it is gone if this was its last user.

        Called at the interpreter's exit. Does nothing the second time.
        """
        atexit.unregister(self.leave)
        _joined.pop(self.directory, None)
        users, self._users = self._users, None
        if users is None or not is_user(self.directory, users):
            return
        os.close(users)
        self._wait_for_users_or_end()

    def _wait_for_users_or_end(self) -> None:
        for _ in patiently(END_WITHIN_SECONDS):
            if has_users(self.directory) or not has_server(self.directory):
                break


# What this process has joined.
_joined: dict[Path, EmbeddedServer] = {}


def join_embedded_server(data_dir: Path) -> EmbeddedServer:
    """Use the server of `data_dir`: join the running one, or start it.

    Calling it again in the same process returns the same object. A server that has died is started again
    on its data, on the same port if that is still free. Safe between threads and between processes, and in a
    forked child. The server ends with its last user.

    Raises:
        EmbeddedServerError: it could not be started or entered; within about two minutes at worst.
        UnsafePathError: another user could change the data directory, or a file of the server in it.
    """
    require_safe(data_dir)  # with the links on the way to it
    directory = data_dir.resolve() / FOLDER
    try:
        own_folder(directory, is_private=True)
        with start_lock(directory, seconds=JOIN_WITHIN_SECONDS):
            return _join(directory)
    except TimeoutError as error:
        raise EmbeddedServerError(
            f"another process has been starting the server on {directory} for {JOIN_WITHIN_SECONDS:.0f} s: "
            "see what it waits for, or end it"
        ) from error
    except (EmbeddedServerError, UnsafePathError):
        raise
    except OSError as error:
        raise EmbeddedServerError(
            f"the embedded server cannot use {directory} ({error}): make the folder writable and free some "
            "space, set another MISSION_CONTROL_DATA_DIR, or name a server in MISSION_CONTROL_REDIS_URL"
        ) from error


def folder_of_joined(url: str) -> Path | None:
    """Return the folder of the managed server with that URL, if this process has joined it."""
    return next((server.directory for server in _joined.values() if server.url == url), None)


def is_held(directory: Path) -> bool:
    """Return whether this process has joined the server of a folder, and still uses it; quick."""
    server = _joined.get(directory)
    return server is not None and server.is_held


def _join(directory: Path) -> EmbeddedServer:
    server = _joined.get(directory)
    if server is not None:
        server.enter()
        return server
    server = EmbeddedServer(directory)
    try:
        server.enter()
    except BaseException:
        server.leave()
        raise
    _joined[directory] = server
    atexit.register(server.leave)
    return server
