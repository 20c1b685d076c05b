"""An ASGI application on a port of its own, in this process."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

import uvicorn

from mission_control.errors import FleetError

_LONGEST_STOP: Final = 5


def serve(
    app: Any,  # noqa: ANN401  # an ASGI application
    host: str,
    port: int,
    *,
    listening: Callable[[str], object],
    **options: Any,  # noqa: ANN401  # uvicorn's
) -> None:
    """Serve until SIGTERM or SIGINT; `listening` is called with the URL, as soon as it answers.

    Port 0 is any free one.

    Raises:
        FleetError: the port is in use, or the host is none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        why = f"cannot listen on {host}, port {port}: {error.strerror}"
        raise FleetError(f"{why}; choose another with --host and --port") from error
    with listener:
        shown = f"[{host}]" if ":" in host else host
        listening(f"http://{shown}:{listener.getsockname()[1]}")
        for one in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises it again, once all is closed
            signal.signal(one, lambda *_: sys.exit())
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=_LONGEST_STOP, **options)
        uvicorn.Server(config).run(sockets=[listener])
