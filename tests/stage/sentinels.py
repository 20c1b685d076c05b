"""A Sentinel, and the servers that it watches, all real, each on a free port."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from mission_control.store.embedded.server_start import find_server_binary, free_port
from tests.stage.servers import RedisServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from types import TracebackType

MASTER_NAME = "tasks"
PASSWORD = "of-the-server"
SENTINEL_PASSWORD = "of-the-sentinel"
_QUICK = ["repl-diskless-sync-delay 0", "repl-ping-replica-period 1", f"masterauth {PASSWORD}"]


class Sentinel:
    """A Sentinel that watches the master on a local port, alone, until the end of the `with` statement."""

    def __init__(self, master_port: int) -> None:
        self._master_port = master_port
        self._directory = Path(tempfile.mkdtemp(prefix="mc-test-sentinel-"))
        self.port = free_port()
        self._process = self._start()

    def master(self) -> dict[str, Any]:
        """What it says of the master; nothing if it does not answer yet."""
        with self.client() as client:
            try:
                masters: Any = client.sentinel_masters()
            except redis.ConnectionError:
                return {}
        return dict(masters.get(MASTER_NAME, {}))

    def client(self) -> redis.Redis:
        return redis.Redis(
            port=self.port,
            password=SENTINEL_PASSWORD,
            decode_responses=True,
            socket_timeout=5,
            retry=Retry(NoBackoff(), 0),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=60)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _start(self) -> subprocess.Popen[bytes]:
        configuration = self._directory / "sentinel.conf"
        lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {self._directory}",
            f"requirepass {SENTINEL_PASSWORD}",
            f"sentinel monitor {MASTER_NAME} 127.0.0.1 {self._master_port} 1",
            f"sentinel auth-pass {MASTER_NAME} {PASSWORD}",
            f"sentinel down-after-milliseconds {MASTER_NAME} 500",
            f"sentinel failover-timeout {MASTER_NAME} 3000",
        ]
        configuration.write_text("\n".join([*lines, ""]), "utf-8")
        with (self._directory / "sentinel.log").open("ab") as log:
            return subprocess.Popen(
                [find_server_binary(), configuration, "--sentinel"],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


class SentinelHouse:
    """A master, a replica and a Sentinel, from construction to the end of the `with` statement."""

    def __init__(self) -> None:
        with ExitStack() as undo:
            self.master = undo.enter_context(RedisServer(password=PASSWORD, extra=_QUICK))
            follow = f"replicaof 127.0.0.1 {self.master.port}"
            self.replica = undo.enter_context(RedisServer(password=PASSWORD, extra=[*_QUICK, follow]))
            wait_until(lambda: _is_in_step(self.replica), "the replica follows")
            self._sentinel = undo.enter_context(Sentinel(self.master.port))
            wait_until(lambda: self._sentinel.master().get("num-slaves") == 1, "the replica is known")
            self._ends = undo.pop_all()

    @property
    def url(self) -> str:
        """The URL for `MISSION_CONTROL_REDIS_URL`; the first Sentinel it names is down."""
        return (
            f"sentinel://:{PASSWORD}@127.0.0.1:{free_port()}/1;sentinel://127.0.0.1:{self._sentinel.port}/1"
            f"?master_name={MASTER_NAME}&sentinel_password={SENTINEL_PASSWORD}"
        )

    def fail_over(self) -> None:
        """Kill the master and wait until the replica has taken its place."""
        self.master.kill()
        self._wait_for_the_new_master()

    def swap(self) -> None:
        """Have the Sentinel put the replica in the master's place, both being well."""
        with self._sentinel.client() as client:
            client.execute_command("SENTINEL", "FAILOVER", MASTER_NAME)
        self._wait_for_the_new_master()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.close()

    def _wait_for_the_new_master(self) -> None:
        port = self.replica.port
        wait_until(lambda: self._sentinel.master().get("port") == port, "the replica is named", timeout=20)
        wait_until(lambda: _role(self.replica) == "master", "the replica takes writes", timeout=20)


def _is_in_step(server: RedisServer) -> bool:
    with server.client() as client:
        replication: Any = client.info("replication")
    return bool(replication.get("master_link_status") == "up")


def _role(server: RedisServer) -> str:
    with server.client() as client:
        replication: Any = client.info("replication")
    return str(replication["role"])
