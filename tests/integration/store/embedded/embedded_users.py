"""Other processes that use the managed server, for tests of who starts, adopts and ends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil
import redis

from mission_control.store.embedded.embedded_server import EmbeddedServer, join_embedded_server
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

ROOT = Path(__file__).parents[4]
USER = """
import json, sys
from pathlib import Path
from mission_control.store.embedded.embedded_server import join_embedded_server
server = join_embedded_server(Path(sys.argv[1]))
print(json.dumps({"url": server.url, "pid": server.pid}), flush=True)
"""
UNTIL_A_LINE_COMES = f"{USER}\nsys.stdin.readline()\n"


class UserProcess:
    """A process that joins the server of `data_dir`, prints what it found, and runs until its input ends."""

    def __init__(self, data_dir: Path, name: str = "user", script: str = UNTIL_A_LINE_COMES) -> None:
        self._answer = data_dir.parent / f"{name}.answer"
        with self._answer.open("w") as answer:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", script, str(data_dir)],
                stdin=subprocess.PIPE,
                stdout=answer,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )

    def joined(self) -> dict[str, Any]:
        """Wait until the process has joined; return its `url` and `pid` of the server."""
        wait_until(
            lambda: self._answer.read_text().endswith("\n") or self.process.poll() is not None,
            "the other process has joined",
            timeout=30,
        )
        answer = self._answer.read_text()
        assert answer, self.process.communicate()[1]
        return dict(json.loads(answer))

    def end(self) -> None:
        """Let the process come to its normal end."""
        complaints = self.process.communicate("\n", timeout=30)[1]
        assert self.process.returncode == 0, complaints
        assert complaints == ""

    def kill(self) -> None:
        """End the process as a crash does."""
        self.process.kill()
        self.process.communicate(timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.returncode is None:
            self.kill()


@contextmanager
def joined(data_dir: Path) -> Iterator[EmbeddedServer]:
    server = join_embedded_server(data_dir)
    try:
        yield server
    finally:
        server.leave()


@contextmanager
def client_of(url: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(url, decode_responses=True, socket_timeout=5)
    try:
        yield client
    finally:
        client.close()


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2].partition("/")[0])


def state_file(data_dir: Path) -> Path:
    return data_dir / "redis" / "server.json"
