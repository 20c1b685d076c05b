"""Tell Docker whether this container's process does its work: `python healthcheck.py beat|worker`.

Beat and the workers renew a heartbeat in Redis with each turn of their loop, under a name that holds their
host; a worker only while it asks for messages. A process that hangs, takes no messages or cannot reach Redis
has none. Exit code 0 means alive, 1 means not.
"""

# ruff: noqa: INP001  # a script of the image, in no package
from __future__ import annotations

import socket
import sys

from mission_control.configuration.settings import read_settings
from mission_control.errors import MissionControlError
from mission_control.processes.heartbeats import live_processes
from mission_control.store.connection import connect, store_errors


def main(kind: str) -> int:
    """Return the exit code for the process of this kind on this host."""
    url = read_settings().redis_url
    if url is None:
        return _unhealthy("MISSION_CONTROL_REDIS_URL is not set")
    host = socket.gethostname()
    with store_errors(url), connect(url) as client:
        names = [process.name for process in live_processes(client) if process.kind == kind]
    if not any(host in name for name in names):
        return _unhealthy(f"no heartbeat of a {kind} on {host}; alive: {', '.join(names) or 'none'}")
    return 0


def _unhealthy(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except MissionControlError as error:
        sys.exit(str(error))
