"""The server as an operating system process: start it, end it, read its log."""

import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import BinaryIO

import psutil

from mission_control.errors import EmbeddedServerError
from mission_control.store.embedded.locks import close_lock, record_pid, recorded_pid, take_server_lock
from mission_control.store.embedded.patience import patiently
from mission_control.store.embedded.server_state import ServerState

LOG_FILE = "server.log"
LOG_BYTES = 1_000_000
END_WITHIN_SECONDS = 10.0
TAIL_LINES = 6
TAIL_BYTES = 2_000


class ServerProcess(subprocess.Popen[bytes]):
    """The server as our child. Unlike other children it may outlive us, which is no leak worth a warning."""

    def __del__(self) -> None:
        """Say nothing."""


# The servers that this process started, by their folder.
_children: dict[Path, ServerProcess] = {}


def spawn_server(binary: Path, directory: Path, state: ServerState, server_lock: int) -> ServerProcess:
    """Start a server on the data in `directory` and hand it the server lock; it is not ready yet.

    It gets a session of its own, so that Ctrl-C reaches only us, and our terminal and pipes are not its.
    The configuration comes on standard input, so that the password shows in no process list, and from an
    unnamed file rather than a pipe: were we killed while writing to a pipe, the server would run on half of
    it, without a password.
    """
    _reap_child(directory)
    with tempfile.TemporaryFile(dir=directory) as configuration, _open_log(directory) as log:
        configuration.write(state.configuration().encode())
        configuration.seek(0)
        process = ServerProcess(
            [binary, "-"],
            stdin=configuration,
            stdout=log,
            stderr=log,
            cwd=directory,
            umask=0o077,
            pass_fds=(server_lock,),
            start_new_session=True,
        )
    _children[directory] = process
    record_pid(server_lock, process.pid)
    return process


def end_server(directory: Path) -> None:
    """End the server on this data, if one runs, in good order or else by force; return when it is gone.

    Raises:
        EmbeddedServerError: it cannot be found or does not end.
    """
    for how, seconds in ((None, 0.0), (SIGTERM, END_WITHIN_SECONDS), (SIGKILL, END_WITHIN_SECONDS)):
        if how is not None:
            _signal_server(directory, how)
        if _is_gone(directory, seconds):
            return _reap_child(directory)
    raise EmbeddedServerError(
        f"the server that runs on {directory} could not be ended: end it by hand "
        f"(its process id is in server.lock there). {log_tail(directory)}"
    )


def _reap_child(directory: Path) -> None:
    # It has let go of its files and is ending, or its folder was removed. Not to be left as a zombie.
    child = _children.pop(directory, None)
    if child is not None:
        child.terminate()
        child.wait(END_WITHIN_SECONDS)


def _is_gone(directory: Path, seconds: float) -> bool:
    # The kernel drops the lock when it closes what the last process of the server had open.
    for _ in patiently(seconds):
        server_lock = take_server_lock(directory)
        if server_lock is not None:
            close_lock(server_lock)
            return True
    return False


def _signal_server(directory: Path, how: int) -> None:
    with suppress(psutil.Error, OSError):
        process = psutil.Process(recorded_pid(directory))
        # A process id may have been given to another program since; only our server lives in this folder.
        if process.name().endswith("-server") and directory.samefile(process.cwd()):
            process.send_signal(how)


def _open_log(directory: Path) -> BinaryIO:
    path = directory / LOG_FILE
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def log_tail(directory: Path) -> str:
    """Return the end of the server's log, for messages."""
    try:
        text = (directory / LOG_FILE).read_bytes()[-TAIL_BYTES:].decode(errors="replace")
    except OSError as error:
        return f"Its log cannot be read: {error.strerror}"
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(("The end of its log:", *lines[-TAIL_LINES:])) if lines else "Its log is empty."
