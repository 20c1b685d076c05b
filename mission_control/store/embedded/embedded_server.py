"""Use the managed server: start it and own it, or join the one that runs."""

import atexit
import os
import stat
from pathlib import Path

from mission_control.errors import EmbeddedServerError
from mission_control.store.embedded.locks import enter_users, has_users, recorded_pid, start_lock
from mission_control.store.embedded.server_process import end_server
from mission_control.store.embedded.server_start import running_server
from mission_control.store.embedded.server_state import ServerState, read_state, write_state

FOLDER = "redis"
PRIVATE = 0o700
# Longer than any process holds the lock while it starts or ends the server.
JOIN_WITHIN_SECONDS = 120.0
LEAVE_WITHIN_SECONDS = 30.0
# How long a process that leaves looks for other users. The owner waits for copies of its lock to be gone: a
# process that another thread is just starting has one.
OWNER_LOOKS_SECONDS = 1.0
JOINER_LOOKS_SECONDS = 0.05


class EmbeddedServer:
    """This process's use of the managed server; made by `join_embedded_server`.

    The first user owns the server: it started it, or found it left over by a crash. It keeps the server alive
    as long as it runs, and ends it. If others still use the server when its owner leaves or dies, it is
    theirs, and the last of them ends it.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        known = read_state(directory)
        # Where a server may have to be replaced, locks that are just being dropped are waited for.
        self.is_owner = not has_users(directory, seconds=OWNER_LOOKS_SECONDS if known is None else 0)
        if self.is_owner and known is None:
            end_server(directory)  # a server left over by a crash, which no process can enter
        self._users: int | None = enter_users(directory)
        self._process = os.getpid()
        try:
            self._enter(known)
        except BaseException:
            self.quit_users()
            raise

    @property
    def url(self) -> str:
        """`redis://:password@127.0.0.1:port/0`, as of the last time this process joined.

        If another user has started a dead server again on another port, joining again returns the new URL.
        """
        return self._state.url

    @property
    def is_inherited(self) -> bool:
        """Whether this is a parent's use, seen from a forked child."""
        return self._process != os.getpid()

    def leave(self) -> None:
        """Stop using the server; the last user ends it and waits until it is gone.

        Called at the interpreter's exit. Does nothing the second time, and in a forked child. A process that
        is killed leaves by dying; if it was the last user, the next one owns the server and ends it.

        Raises:
            EmbeddedServerError: the last user could not end the server.
        """
        if self._users is None or self.is_inherited:
            return
        atexit.unregister(self.leave)
        _joined.pop(self.directory, None)
        seconds = OWNER_LOOKS_SECONDS if self.is_owner else JOINER_LOOKS_SECONDS
        try:
            with start_lock(self.directory, seconds=LEAVE_WITHIN_SECONDS):
                self.quit_users()
                if not has_users(self.directory, seconds=seconds):
                    end_server(self.directory)
        except TimeoutError:
            self.quit_users()  # the process that is starting the server will also end it

    def revive(self) -> None:
        """Start the server again if it has died; under the start lock only."""
        recorded = read_state(self.directory)
        if recorded is None:
            write_state(self.directory, self._state)
        self._enter(self._state if recorded is None else recorded)

    def _enter(self, known: ServerState | None) -> None:
        self._state = running_server(self.directory, known)
        self.pid = recorded_pid(self.directory)

    def quit_users(self) -> None:
        """Stop being a user without looking who is left; a forked child does not quit for its parent."""
        users, self._users = self._users, None
        if users is not None:
            os.close(users)


# What this process has joined; a forked child finds its parent's here, and joins again.
_joined: dict[Path, EmbeddedServer] = {}


def join_embedded_server(data_dir: Path) -> EmbeddedServer:
    """Use the server of `data_dir`: join the running one, or start it and own it.

    Calling it again in the same process returns the same object. A server that has died is started again
    on its data, on the same port if that is still free. Safe between threads and between processes, and in a
    forked child, which becomes a user of its own. Users that end normally leave by themselves.

    Raises:
        EmbeddedServerError: it could not be started or entered; within about two minutes at worst.
    """
    directory = data_dir.resolve() / FOLDER
    try:
        directory.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        if stat.S_IMODE(directory.stat().st_mode) != PRIVATE:
            directory.chmod(PRIVATE)
        with start_lock(directory, seconds=JOIN_WITHIN_SECONDS):
            return _join(directory)
    except TimeoutError as error:
        raise EmbeddedServerError(
            f"another process has been starting or stopping the server on {directory} for "
            f"{JOIN_WITHIN_SECONDS:.0f} s: see what it waits for, or end it"
        ) from error
    except OSError as error:
        raise EmbeddedServerError(
            f"the embedded server cannot use {directory} ({error}): make the folder writable and free some "
            "space, set another MISSION_CONTROL_DATA_DIR, or name a server in MISSION_CONTROL_REDIS_URL"
        ) from error


def _join(directory: Path) -> EmbeddedServer:
    server = _joined.get(directory)
    if server is not None and not server.is_inherited:
        server.revive()
        return server
    if server is not None:
        server.quit_users()
    _joined[directory] = server = EmbeddedServer(directory)
    atexit.register(server.leave)
    return server
