"""The processes that the README shows for more machines start as typed, with a Redis of the test."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mission_control.operate.doctor.gathering import open_flower
from mission_control.processes.heartbeats import live_processes
from mission_control.store.embedded.server_start import free_port
from tests.house.documentation import all_blocks
from tests.house.repository import ROOT
from tests.stage.servers import RedisServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pytest
    from redis import Redis

CELERYS = [
    line.partition("  #")[0].strip()
    for block in all_blocks(ROOT / "README.md")
    for line, _ in block.typed()
    if "celery -A" in line
]


@contextmanager
def typing(line: str, folder: Path, settings: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Type a line, and end what it started at exit."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("MISSION_CONTROL_")}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    process = subprocess.Popen(
        ["bash", "-c", line],
        cwd=folder,
        env={**inherited, "PATH": path, "PYTHONPATH": str(ROOT), **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)


def test_processes_of_readme_start_as_typed(tmp_path: Path, bare_environment: pytest.MonkeyPatch) -> None:
    assert len(CELERYS) == 5
    port = free_port()
    with RedisServer() as server, server.client() as client, ExitStack() as processes:
        flower = {"FLOWER_PORT": str(port), "FLOWER_ADDRESS": "127.0.0.1"}
        settings = {"MISSION_CONTROL_REDIS_URL": server.url, **flower}
        started = {line: processes.enter_context(typing(line, tmp_path, settings)) for line in CELERYS}
        for line, process in started.items():
            wait_until(partial(is_up, line, client, port), f"{line} is up", timeout=60)
            assert process.poll() is None
        bare_environment.setenv("FLOWER_PORT", str(port))
        wait_until(lambda: open_flower() is not None, "the doctor finds that Flower asks for no password")
        for process in started.values():
            os.killpg(process.pid, signal.SIGTERM)


def is_up(line: str, client: Redis, port: int) -> bool:
    """Return whether the process that a line starts does its work, on the queues that the line names."""
    if "flower" in line:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    alive = live_processes(client)
    if " beat" in line:
        return any(one.kind == "beat" and one.info["leading"] for one in alive)
    named = re.search(r"(?:QUEUES=| -Q )(\S+)", line)
    queues = {"default"} if named is None else set(named[1].split(","))
    return any(one.kind == "worker" and queues <= set(one.info["queues"]) for one in alive)
