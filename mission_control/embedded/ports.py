"""Loopback ports."""

from __future__ import annotations

import socket


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
    """Return a port that is free at this moment; somebody else may be quicker to use it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
