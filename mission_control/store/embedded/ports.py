"""Loopback ports."""

import socket
from random import SystemRandom

# Below those that Linux (32768 and above) and macOS (49152 and above) give to outgoing connections: one of
# these could take the port while its server restarts, and one to that port could even meet itself.
SERVER_PORTS = range(20_000, 32_768)
TRIES = 100


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
