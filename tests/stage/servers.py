"""Throw-away Redis servers for tests: real ones, on a free loopback port, in a folder of their own."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from mission_control.store.connection import driver_info
from mission_control.store.embedded.server_start import find_server_binary, free_port
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

START_ATTEMPTS = 3


class RedisServer:
    """A server that runs from its construction until `close()`; best used in a `with` statement.

    `appendonly=True` makes its data survive `kill()` and `restart()`; `extra` are lines of configuration.
    """

    def __init__(
        self,
        *,
        password: str | None = None,
        maxmemory: str | None = None,
        appendonly: bool = False,
        extra: Sequence[str] = (),
    ) -> None:
        self.password = password
        self.directory = Path(tempfile.mkdtemp(prefix="mc-test-redis-"))
        self.log = self.directory / "server.log"
        self._lines = [
            "bind 127.0.0.1",
            'save ""',
            f"dir {self.directory}",
            f"appendonly {'yes' if appendonly else 'no'}",
            *([f"requirepass {password}"] if password is not None else []),
            *([f"maxmemory {maxmemory}", "maxmemory-policy noeviction"] if maxmemory is not None else []),
            *extra,
        ]
        self.port = free_port()
        self._process = self._start_on_a_free_port()

    @property
    def url(self) -> str:
        """The URL that redis-py, kombu and RedBeat all understand."""
        login = f":{self.password}@" if self.password is not None else ""
        return f"redis://{login}127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    def client(self) -> redis.Redis:
        """Return a new client that reads text and does not retry; the caller closes it."""
        return redis.Redis.from_url(
            self.url,
            decode_responses=True,
            socket_timeout=5,
            retry=Retry(NoBackoff(), 0),
            driver_info=driver_info(),
        )

    def stop(self) -> None:
        """End the server in good order; its folder and port stay for `restart()`."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server as a crash does."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start again on the same port and folder, ending the server first if it still runs."""
        self.stop()
        self._process = self._start()

    def pause(self) -> None:
        """Make the server hang: connections are accepted by the kernel, nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the server and remove its folder."""
        if self._process.poll() is None:
            self.resume()
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start_on_a_free_port(self) -> subprocess.Popen[bytes]:
        for _ in range(START_ATTEMPTS - 1):
            try:
                return self._start()
            except AssertionError:
                self.port = free_port()  # another program took the port between our look and the server's
        return self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        configuration = "\n".join([*self._lines, f"port {self.port}", ""])
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [find_server_binary(), "-"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        assert process.stdin is not None
        with process.stdin as stdin:
            stdin.write(configuration.encode())
        try:
            self._wait_until_it_answers(process)
        except AssertionError:
            process.kill()
            process.wait(timeout=60)
            raise
        return process

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        with self.client() as client:
            wait_until(
                lambda: process.poll() is not None or _answers(client),
                f"the server on port {self.port} answers",
            )
        assert process.poll() is None, f"the test's server ended at once:\n{self.log.read_text()}"

    def _end(self, how: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(how)
        self._process.wait(timeout=60)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
