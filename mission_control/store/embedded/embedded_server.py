"""Join and leave the managed server."""

from __future__ import annotations

import atexit
import os
import stat
from typing import TYPE_CHECKING

from mission_control.errors import EmbeddedServerError
from mission_control.store.embedded.locks import enter_users, has_users, start_lock
from mission_control.store.embedded.running_server import bring_up
from mission_control.store.embedded.server_answer import ask_to_shut_down
from mission_control.store.embedded.server_end import bring_down, end_orphan
from mission_control.store.embedded.server_state import read_state

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.store.embedded.server_state import ServerState

FOLDER = "redis"
PRIVATE = 0o700
# Longer than anybody holds the lock while bringing the server up or down.
JOIN_WITHIN_SECONDS = 120.0
LEAVE_WITHIN_SECONDS = 30.0


class EmbeddedServer:
    """This process's use of the managed server; made by `join_embedded_server`."""

    def __init__(self, directory: Path, users: int, state: ServerState) -> None:
        self.directory = directory
        self._users: int | None = users
        self._state = state
        self._process = os.getpid()

    @property
    def url(self) -> str:
        """`redis://:password@127.0.0.1:port/0`, as of the last time this process joined.

        Where the server died, and another user revived it while its port was taken, joining again tells
        the new one.
        """
        return self._state.url

    @property
    def pid(self) -> int:
        """The server's process id."""
        if self._state.pid is None:
            raise EmbeddedServerError(f"the embedded server on {self.directory} is not running")
        return self._state.pid

    @property
    def is_inherited(self) -> bool:
        """Whether this is a parent's use, seen from a forked child."""
        return self._process != os.getpid()

    def leave(self) -> None:
        """Stop using the server; the last user ends it and waits until it is gone.

        Nothing happens when it has been left already, and in a forked child, which has nothing to leave.
        Called at the interpreter's exit. A process that is killed leaves by dying; if it was the last user,
        the server runs on until the next one has joined and left.

        Raises:
            EmbeddedServerError: the last user could not end the server.
        """
        if self._users is None or self.is_inherited:
            return
        atexit.unregister(self.leave)
        _joined.pop(self.directory, None)
        try:
            with start_lock(self.directory, seconds=LEAVE_WITHIN_SECONDS):
                self.quit_users()
                if not has_users(self.directory):
                    bring_down(self.directory, self._recorded())
        except TimeoutError:
            self.quit_users()  # whoever brings the server up just now will also end it
        except FileNotFoundError:
            self.quit_users()
            ask_to_shut_down(self._state)  # the folder was removed: there is no data left to serve

    def revive(self) -> None:
        """Start the server again if it has died; under the start lock only."""
        self._state = bring_up(self.directory, self._recorded())

    def _recorded(self) -> ServerState:
        # Another user may have revived the server elsewhere since this one joined.
        recorded = read_state(self.directory)
        return recorded if recorded is not None else self._state

    def quit_users(self) -> None:
        """Be no user any more, without looking who is left; a forked child does not quit for its parent."""
        users, self._users = self._users, None
        if users is not None:
            os.close(users)


# What this process has joined; a forked child finds its parent's here, and joins anew.
_joined: dict[Path, EmbeddedServer] = {}


def join_embedded_server(data_dir: Path) -> EmbeddedServer:
    """Use the server of `data_dir`: join the running one, adopt it after a crash, or start it.

    Calling it again in the same process gives the same object; a server that has died meanwhile is
    started again on its data, on the same port if that is still free. Safe between threads and between
    processes, and in a forked child, which becomes a user of its own. The server ends with its last user;
    users that end normally leave by themselves.

    Raises:
        EmbeddedServerError: it could not be started or entered; within about two minutes at worst.
    """
    directory = data_dir.resolve() / FOLDER
    try:
        _prepare(directory)
        with start_lock(directory, seconds=JOIN_WITHIN_SECONDS):
            return _join(directory)
    except EmbeddedServerError:
        raise
    except TimeoutError as error:
        raise EmbeddedServerError(
            f"another process has been starting or stopping the server on {directory} for "
            f"{JOIN_WITHIN_SECONDS:.0f} s: see what it waits for, or end it"
        ) from error
    except OSError as error:
        raise EmbeddedServerError(
            f"the embedded server cannot use {directory} ({error}): make the folder writable and see to free "
            "space, set another MISSION_CONTROL_DATA_DIR, or name a server in MISSION_CONTROL_REDIS_URL"
        ) from error


def _prepare(directory: Path) -> None:
    directory.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    if stat.S_IMODE(directory.stat().st_mode) != PRIVATE:
        directory.chmod(PRIVATE)


def _join(directory: Path) -> EmbeddedServer:
    server = _joined.get(directory)
    if server is not None and not server.is_inherited:
        server.revive()
        return server
    if server is not None:
        server.quit_users()
    _joined[directory] = server = _enter(directory)
    atexit.register(server.leave)
    return server


def _enter(directory: Path) -> EmbeddedServer:
    known = read_state(directory)
    if known is None and not has_users(directory):
        end_orphan(directory)
    users = enter_users(directory)
    try:
        return EmbeddedServer(directory, users, bring_up(directory, known))
    except BaseException:
        os.close(users)
        raise
