"""Find the server that runs on the data, or start one; all of it under the start lock."""

from pathlib import Path
from secrets import token_urlsafe

from mission_control.errors import EmbeddedServerError
from mission_control.store.embedded.binary import find_server_binary
from mission_control.store.embedded.locks import close_lock, take_server_lock
from mission_control.store.embedded.patience import patiently
from mission_control.store.embedded.ports import free_port, is_free
from mission_control.store.embedded.server_process import ServerProcess, log_tail, spawn_server
from mission_control.store.embedded.server_state import ServerState, write_state

ANSWER_WITHIN_SECONDS = 15.0
LOAD_WITHIN_SECONDS = 60.0
FREED_WITHIN_SECONDS = 0.5
PORT_ATTEMPTS = 3


def running_server(directory: Path, known: ServerState | None) -> ServerState:
    """Return how to enter the server on this data, when it is ready; it is started if none runs.

    `known` is the recorded port and password; a new server keeps both if the port is still free.

    Raises:
        EmbeddedServerError: within about a minute; with the cause and the end of the server's log.
    """
    for _ in patiently(ANSWER_WITHIN_SECONDS):
        server_lock = take_server_lock(directory)
        if server_lock is not None:
            try:
                return _loaded(directory, _start(directory, known, server_lock))
            finally:
                close_lock(server_lock)
        if known is not None and known.is_ready() is not None:
            return _loaded(directory, known)
    cause = "is lost or damaged" if known is None else "has another port or password"
    raise EmbeddedServerError(
        f"a server runs on {directory} and cannot be entered (server.json there {cause}, or it hangs): "
        "end the programs that use it; if they belong to another container or host, set another "
        f"MISSION_CONTROL_DATA_DIR here. {log_tail(directory)}"
    )


def _start(directory: Path, known: ServerState | None, server_lock: int) -> ServerState:
    binary = find_server_binary()
    state = known if known is not None else ServerState(port=free_port(), password=token_urlsafe(32))
    # A dying server lets go of its lock a moment before it lets go of its port.
    if known is not None and not any(is_free(state.port) for _ in patiently(FREED_WITHIN_SECONDS)):
        state = state.model_copy(update={"port": free_port()})
    for _ in range(PORT_ATTEMPTS):
        write_state(directory, state)
        if _answers(spawn_server(binary, directory, state, server_lock), state):
            return state
        if f"Failed listening on port {state.port} " not in log_tail(directory):
            break
        state = state.model_copy(update={"port": free_port()})
    raise EmbeddedServerError(
        f"the embedded Redis server ({binary}) did not start; its data in {directory} is untouched. "
        f"{log_tail(directory)}"
    )


def _answers(process: ServerProcess, state: ServerState) -> bool:
    """Wait until the new server answers; a silent one, or one whose start is interrupted, is ended."""
    is_there = False
    try:
        for _ in patiently(ANSWER_WITHIN_SECONDS):
            is_there = state.is_ready() is not None
            if is_there or process.poll() is not None:
                break
    finally:
        if not is_there:
            process.kill()
            process.wait()
    return is_there


def _loaded(directory: Path, state: ServerState) -> ServerState:
    for _ in patiently(LOAD_WITHIN_SECONDS):
        ready = state.is_ready()
        if ready:
            return state
        if ready is None:
            raise EmbeddedServerError(f"the server on {directory} has ended. {log_tail(directory)}")
    raise EmbeddedServerError(f"the server on {directory} still loads its data: try again later")
