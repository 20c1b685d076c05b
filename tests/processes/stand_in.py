"""A `mission-control` that starts at once: a server that has imported the command line forks each command.

`stand_in()` takes the place of `[sys.executable, "-m", "mission_control"]`. The command gets the arguments,
folder, environment and first three descriptors of what stands in for it, ends as any program of Python does,
and is killed if what stands in for it dies.

Not true of it: `sys.modules` has what the server imported, under the server's variables and locale; it is in
a session of its own, where no signal of a terminal reaches it; its process id is not the one that is seen.
"""

from __future__ import annotations

import gc
import os
import pkgutil
import runpy
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zoneinfo
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.house.repository import ROOT

PRELOADED = ("mission_control.cli", "mission_control.installation", "mission_control.operate")
CLIENT = Path(__file__).with_name("stand_in_client.py")
_servers: list[subprocess.Popen[bytes]] = []


@cache
def stand_in() -> list[str]:
    """Return what to start instead; one server for all ends with this process."""
    address = str(Path(tempfile.mkdtemp(prefix="mc-stand-in-", dir=os.environ.get("TMPDIR"))) / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(100)
        server = [sys.executable, "-m", __name__, str(listener.fileno())]
        how: dict[str, Any] = {"cwd": ROOT, "env": {**os.environ, "PYTHONPATH": ""}, "stdin": subprocess.PIPE}
        _servers.append(subprocess.Popen(server, pass_fds=[listener.fileno()], **how))
    return [sys.executable, "-I", "-S", str(CLIENT), address]


def stand_in_for(real: str) -> str:
    """Return a script in place of the real program, which begins what runs for longer and processes.

    Without Linux' descriptors of processes, as on macOS, it begins all.
    """
    if not hasattr(os, "pidfd_open"):
        return f'#!/bin/sh\nexec {real} "$@"\n'
    words = shlex.join(stand_in())
    return f'#!/bin/sh\ncase "$1" in up|demo|web|mcp|bench) exec {real} "$@";; esac\nexec {words} "$@"\n'


def serve(listener: socket.socket) -> None:
    """Fork for each request until stdin ends; return in each process that becomes the command."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listener.fileno(), 0], [], [])
        if 0 in ready:
            os._exit(0)
        client, _ = listener.accept()
        if os.fork() == 0:
            break
        client.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    listener.close()
    length, descriptors, _, _ = socket.recv_fds(client, 8, 3)
    request = client.recv(int.from_bytes(length), socket.MSG_WAITALL)
    if command := os.fork():
        _watch(client, command)
    client.close()
    _become(request.split(b"\0"), descriptors)


def _watch(client: socket.socket, command: int) -> None:
    """End this process once the command has ended, and tell its exit code; kill it if the client is gone."""
    end = os.pidfd_open(command)
    if end not in select.select([client.fileno(), end], [], [])[0]:
        os.kill(command, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
    client.send(b"%d" % code, socket.MSG_NOSIGNAL)
    os._exit(0)


def _become(request: list[bytes], descriptors: list[int]) -> None:
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.setsid()
    folder, count, *rest = request
    os.chdir(folder)
    os.environb.clear()
    os.environb.update(one.partition(b"=")[::2] for one in rest[int(count) :])
    time.tzset()
    zoneinfo.reset_tzpath()
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    places = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:1] = [str(Path.cwd()), *places]
    sys.argv[1:] = map(os.fsdecode, rest[: int(count)])


if __name__ == "__main__":
    for package in map(import_module, PRELOADED):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module("mission_control", run_name="__main__", alter_sys=True)
