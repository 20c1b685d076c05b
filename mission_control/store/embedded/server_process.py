"""The server as an operating system process: start it, see whether it ended, end it, read its log."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

import psutil

from mission_control.store.embedded.locks import record_owner, recorded_owner
from mission_control.store.embedded.server_configuration import server_configuration

if TYPE_CHECKING:
    from pathlib import Path
    from signal import Signals

    from mission_control.store.embedded.server_state import ServerState

LOG_FILE = "server.log"
LOG_BYTES = 1_000_000
REAP_WITHIN_SECONDS = 5
TAIL_LINES = 6
TAIL_BYTES = 2_000


class ServerProcess(subprocess.Popen[bytes]):
    """The server as our child. Unlike other children it may outlive us, which is no leak worth a warning."""

    def __del__(self) -> None:
        """Say nothing."""


# The children this process started, so that those that have ended can be reaped.
_children: dict[int, ServerProcess] = {}


def spawn_server(binary: Path, directory: Path, state: ServerState, owner: int) -> ServerProcess:
    """Start a server on the data in `directory` and hand it the owner lock; it is not ready yet.

    It gets a session of its own, so that Ctrl-C reaches only us, and our terminal and pipes are not its.
    The configuration comes from an unnamed file and not from a pipe: were we killed while writing to a
    pipe, the server would run on half of it, without a password.
    """
    with tempfile.TemporaryFile(dir=directory) as configuration, _open_log(directory) as log:
        configuration.write(server_configuration(state).encode())
        configuration.seek(0)
        process = ServerProcess(
            [binary, "-"],
            stdin=configuration,
            stdout=log,
            stderr=log,
            cwd=directory,
            umask=0o077,
            pass_fds=(owner,),
            start_new_session=True,
        )
    _children[process.pid] = process
    record_owner(owner, process.pid)
    return process


def _open_log(directory: Path) -> BinaryIO:
    path = directory / LOG_FILE
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def reap_children() -> None:
    """Take note of the servers of ours that have ended, lest they stay as zombies."""
    for pid, process in list(_children.items()):
        if process.poll() is not None:
            del _children[pid]


def reap_child(pid: int | None) -> None:
    """Wait for a server of ours that has let go of everything and is just ending; not for another's."""
    process = _children.pop(pid, None) if pid is not None else None
    if process is not None:
        process.wait(timeout=REAP_WITHIN_SECONDS)


def signal_server(directory: Path, signal: Signals) -> bool:
    """Send `signal` to the server that holds the owner lock; False where it cannot be told for certain."""
    pid = recorded_owner(directory)
    if pid is None:
        return False
    with suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        # A process id may have been given to another program since; only our server lives in this folder.
        if process.name().endswith("-server") and directory.samefile(process.cwd()):
            process.send_signal(signal)
            return True
    return False


def found_port_taken(directory: Path, port: int) -> bool:
    """Return whether the server that just ended could not listen, because somebody else took its port.

    It is the server's word: whoever took the port between our look and its own may have let go of it since.
    """
    return f"Failed listening on port {port} " in log_tail(directory)


def log_tail(directory: Path) -> str:
    """Return the end of the server's log, for messages."""
    try:
        text = (directory / LOG_FILE).read_bytes()[-TAIL_BYTES:].decode(errors="replace")
    except OSError as error:
        return f"(its log cannot be read: {error.strerror})"
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-TAIL_LINES:]) if lines else "(its log is empty)"
