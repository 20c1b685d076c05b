"""The managed server's configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mission_control.store.embedded.server_state import ServerState


def server_configuration(state: ServerState) -> str:
    """Return the configuration, to be given on standard input so that the password shows in no process list.

    Reachable from this machine only; every write is in the append-only file at once and on the disk
    within a second; nothing is ever evicted. The append-only file holds plain commands, because a file
    with a binary preamble cannot be read by another version of the server.
    """
    lines = [
        "bind 127.0.0.1",
        f"port {state.port}",
        "protected-mode yes",
        f"requirepass {state.password}",
        "daemonize no",
        "appendonly yes",
        "appendfsync everysec",
        "aof-use-rdb-preamble no",
        'save ""',
        "maxmemory-policy noeviction",
        "",
    ]
    return "\n".join(lines)
