"""An ASGI application on a port of its own, in this process."""

from __future__ import annotations

import os
import signal
import socket
import time
from threading import Thread
from types import FrameType
from typing import Any, Final

from mission_control.errors import FleetError
from mission_control.processes.supervision import is_orphaned

_LONGEST_STOP: Final = 5
_LOOK_EVERY: Final = 1.0


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 is any free one.

    Raises:
        FleetError: the port is in use, or the host is none of this machine.
    """
    try:
        host.encode("idna")  # a name that no host can have would leave a socket open
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, UnicodeError) as error:
        number = (isinstance(error, OSError) and error.errno) or 0
        why = f"cannot listen on {host}, port {port}: "
        why += os.strerror(number) if number > 0 else "no machine is known by this name"
        raise FleetError(f"{why}; choose another place with --host and --port") from error


def url_of(listener: socket.socket) -> str:
    """Return the URL of a socket that listens."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def serve(app: Any, listener: socket.socket) -> None:  # noqa: ANN401  # an ASGI application
    """Serve until SIGTERM, SIGINT, or the end of the process that has started this one."""
    import uvicorn  # `up` listens only

    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=_LONGEST_STOP))

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    for one in (signal.SIGINT, signal.SIGTERM):  # before uvicorn handles them, and as it raises them again
        signal.signal(one, stop)
    Thread(target=_end_with_supervisor, name="supervisor watch", daemon=True).start()
    server.run(sockets=[listener])


def _end_with_supervisor() -> None:
    while not is_orphaned():
        time.sleep(_LOOK_EVERY)
    os.kill(os.getpid(), signal.SIGTERM)
