"""Bring the server up: adopt the one that runs, or start one; all of it under the start lock."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from mission_control.errors import EmbeddedServerError
from mission_control.store.embedded.binary import find_server_binary
from mission_control.store.embedded.locks import close_lock, take_ownership
from mission_control.store.embedded.patience import patiently
from mission_control.store.embedded.ports import free_port, is_free
from mission_control.store.embedded.server_answer import ServerAnswer, ask_server
from mission_control.store.embedded.server_process import (
    found_port_taken,
    log_tail,
    reap_children,
    spawn_server,
)
from mission_control.store.embedded.server_state import ServerState, read_state, write_state

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.store.embedded.server_process import ServerProcess

ANSWER_WITHIN_SECONDS = 15.0
LOAD_WITHIN_SECONDS = 60.0
KILL_WITHIN_SECONDS = 5.0
FREED_WITHIN_SECONDS = 0.5
PORT_ATTEMPTS = 3


def bring_up(directory: Path, known: ServerState | None) -> ServerState:
    """Return the state of a server that is ready: the one that runs on this data, else a new one.

    `known` is what is recorded of port and password; a new server keeps both if the port is still free.

    Raises:
        EmbeddedServerError: within about a minute; with the cause and the server's last log lines.
    """
    reap_children()
    for _ in patiently(ANSWER_WITHIN_SECONDS):
        owner = take_ownership(directory)
        if owner is not None:
            return _start_and_close(directory, known, owner)
        answer = ask_server(known) if known is not None else None
        if known is not None and answer is not None:
            return _adopt(directory, known, answer)
    raise EmbeddedServerError(_not_to_be_entered(directory, known))


def _not_to_be_entered(directory: Path, known: ServerState | None) -> str:
    cause = (
        "server.json there is lost or damaged"
        if known is None
        else "does not answer as server.json there says"
    )
    return (
        f"a server runs on {directory} and cannot be entered ({cause}): end the programs that use it; "
        "if they belong to another container or host, set a MISSION_CONTROL_DATA_DIR of its own here. "
        f"The server's last words:\n{log_tail(directory)}"
    )


def _adopt(directory: Path, known: ServerState, answer: ServerAnswer | None) -> ServerState:
    for _ in patiently(LOAD_WITHIN_SECONDS):
        if answer is None:
            raise EmbeddedServerError(f"the embedded Redis server {_ended_with(directory)}")
        if not answer.is_loading:
            return _record(directory, known, answer)
        answer = ask_server(known)
    raise EmbeddedServerError(
        f"the server on {directory} is still loading its data and is left to it: try again in a while. "
        f"The server's last words:\n{log_tail(directory)}"
    )


def _record(directory: Path, known: ServerState, answer: ServerAnswer) -> ServerState:
    state = known.model_copy(update={"pid": answer.pid, "run_id": answer.run_id})
    if read_state(directory) != state:
        write_state(directory, state)
    return state


def _ended_with(directory: Path) -> str:
    return f"did not come up; its data in {directory} is untouched. Its last words:\n{log_tail(directory)}"


def _start_and_close(directory: Path, known: ServerState | None, owner: int) -> ServerState:
    try:
        return _start(directory, known, owner)
    finally:
        close_lock(owner)


def _start(directory: Path, known: ServerState | None, owner: int) -> ServerState:
    binary = find_server_binary()
    password = known.password if known is not None else secrets.token_urlsafe(32)
    port = known.port if known is not None and _is_freed(known.port) else free_port()
    for _ in range(PORT_ATTEMPTS):
        state = ServerState(port=port, password=password)
        write_state(directory, state)
        process = spawn_server(binary, directory, state, owner)
        ready = _when_ready(directory, process, state)
        if ready is not None:
            return ready
        if not found_port_taken(directory, port):
            break
        port = free_port()
    raise EmbeddedServerError(f"the embedded Redis server ({binary}) {_ended_with(directory)}")


def _is_freed(port: int) -> bool:
    # A dying server lets go of its lock a moment before it lets go of its port.
    return any(is_free(port) for _ in patiently(FREED_WITHIN_SECONDS))


def _when_ready(directory: Path, process: ServerProcess, state: ServerState) -> ServerState | None:
    """Wait for the new server; None where it ended, or was ended because it stayed silent."""
    try:
        answer = _first_answer(process, state)
        if answer is not None:
            return _adopt(directory, state, answer)
    except (KeyboardInterrupt, SystemExit):
        _terminate(process)
        raise
    _terminate(process)
    return None


def _first_answer(process: ServerProcess, state: ServerState) -> ServerAnswer | None:
    for _ in patiently(ANSWER_WITHIN_SECONDS):
        answer = ask_server(state)
        if answer is not None or process.poll() is not None:
            return answer
    return None


def _terminate(process: ServerProcess) -> None:
    process.kill()
    process.wait(timeout=KILL_WITHIN_SECONDS)
