"""End the server; all of it under the start lock."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from mission_control.errors import EmbeddedServerError
from mission_control.store.embedded.locks import close_lock, take_ownership
from mission_control.store.embedded.patience import patiently
from mission_control.store.embedded.server_answer import ask_to_shut_down
from mission_control.store.embedded.server_process import log_tail, reap_child, signal_server

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.store.embedded.server_state import ServerState

END_WITHIN_SECONDS = 10.0


def bring_down(directory: Path, state: ServerState) -> None:
    """End the server in good order and return when it is gone.

    Raises:
        EmbeddedServerError: it is still there although it was killed.
    """
    ask_to_shut_down(state)
    if not _ended(directory, END_WITHIN_SECONDS):
        kill_server(directory, signal.SIGKILL)
    reap_child(state.pid)


def end_orphan(directory: Path) -> None:
    """End the server, if one runs, that nobody uses and nobody can enter because its state file is lost.

    Raises:
        EmbeddedServerError: it is still there.
    """
    if not _ended(directory, seconds=0):
        kill_server(directory, signal.SIGTERM)


def kill_server(directory: Path, how: signal.Signals) -> None:
    """End, by signal, the server that runs on this data and cannot be asked to; return when it is gone.

    Raises:
        EmbeddedServerError: it cannot be found or does not end.
    """
    if not signal_server(directory, how) or not _ended(directory, END_WITHIN_SECONDS):
        raise EmbeddedServerError(
            f"the server that runs on {directory} could not be ended: end it by hand "
            f"(its process id stands in owner.lock there). The server's last words:\n{log_tail(directory)}"
        )


def _ended(directory: Path, seconds: float) -> bool:
    # The kernel drops the lock when it closes what the last process of the server had open.
    for _ in patiently(seconds):
        owner = take_ownership(directory)
        if owner is not None:
            close_lock(owner)
            return True
    return False
