"""Real worker processes for tests: any pool, any number, on a server whose data survives its crash."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any, Self

from mission_control.configuration.settings import read_settings
from mission_control.dispatch.enqueue import Dispatch, RunOptions
from mission_control.installation.installation import Installation
from mission_control.processes.commands import WORKER_APP, worker_command
from mission_control.processes.heartbeats import live_processes
from mission_control.store.access_rules import Role
from tests.processes.forked import ForkedProgram
from tests.stage.audit_stream import records_of
from tests.stage.redis_users import denied, role_users, url_as
from tests.stage.servers import RedisServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from mission_control.dispatch.run_handle import Run

HANDLERS = {
    "gated": '''
        """A handler that ends when it is let go."""
        import time
        from pathlib import Path


        def run(context):
            """Tell who runs it, and wait until the file named in the params is there."""
            gate = Path(context["params"]["gate"])
            with gate.with_suffix(".runs").open("a") as runs:
                runs.write("run\\n")
            while not gate.exists():
                time.sleep(0.02)
            return {"status": "success", "output": "let go", "error": None}
    ''',
    "flaky": '''
        """A handler that fails at first."""


        def run(context):
            """Fail at the first attempt."""
            if context["attempt"] == 1:
                raise ConnectionError("not yet")
            return {"status": "success", "output": context["attempt"], "error": None}
    ''',
}
VISIBILITY_SECONDS = 5
READY_SECONDS = 120.0
"""How long a worker may take to start where many processes share few processors."""


class WorkerProcess:
    """A worker from its construction to the end of the `with` statement, ready when that begins."""

    def __init__(
        self,
        installation: Installation,
        name: str,
        *,
        pool: str = "prefork",
        concurrency: int = 1,
        app: str = WORKER_APP,
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.name = f"{name}@test"
        self._installation = installation
        self._log = installation.settings.data_dir / f"{name}.log"
        self._log.parent.mkdir(parents=True, exist_ok=True)
        argv = worker_command(self.name, concurrency=concurrency).argv
        ours = {
            **os.environ,
            **installation.settings.environment(),
            **(environment if environment is not None else {}),
        }
        words = [*(app if one == WORKER_APP else one for one in argv), "--pool", pool, *options]
        with self._log.open("ab") as output:
            self._process = ForkedProgram(words, ours, output)

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    @property
    def is_ready(self) -> bool:
        assert self.exit_code is None, f"the worker ended by itself:\n{self.log[-4_000:]}"
        return any(one.name == self.name for one in live_processes(self._installation.client))

    def send(self, what: signal.Signals) -> None:
        """Signal the worker and its pool."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, what)

    def kill(self) -> None:
        """End the worker and its pool as a loss of power does."""
        self.send(signal.SIGKILL)
        self._process.wait(timeout=60)

    def stop(self) -> int:
        """End the worker in good order and return its exit code."""
        self._process.send_signal(signal.SIGQUIT)
        return self._process.wait(timeout=60)

    def __enter__(self) -> Self:
        try:
            wait_until(lambda: self.is_ready, f"{self.name} is ready", timeout=READY_SECONDS)
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.send(signal.SIGCONT)
        self.kill()


@dataclass(frozen=True)
class WorkerHouse:
    """An installation without beat or worker: a test starts the workers that it needs."""

    installation: Installation
    server: RedisServer
    folder: Path

    def environment(self, role: Role) -> dict[str, str]:
        """Return the settings of a process that logs in as the user of a role."""
        return {"MISSION_CONTROL_REDIS_URL": url_as(role, self.server)}

    def worker(
        self, name: str = "worker", *, environment: Mapping[str, str] | None = None, **options: Any
    ) -> WorkerProcess:
        """Start a worker that logs in as the user of its role, unless its environment says otherwise."""
        ours = {**self.environment(Role.WORKER), **(environment if environment is not None else {})}
        return WorkerProcess(self.installation, name, environment=ours, **options)

    def run(
        self, name: str = "handlers.hello.run", params: dict[str, Any] | None = None, **options: Any
    ) -> Run:
        key = options.pop("idempotency_key", None)
        dispatch = Dispatch.of(self.installation)
        return dispatch.enqueue(name, params, RunOptions(**options), idempotency_key=key)

    def gate(self, name: str) -> Path:
        """Return the file that lets `handlers.gated.run` go; it says in `.runs` how often it was run."""
        return self.folder / f"{name}.gate"

    def gated(self, name: str, **options: Any) -> Run:
        return self.run("handlers.gated.run", {"gate": str(self.gate(name))}, **options)

    def runs_of(self, name: str) -> int:
        """Return how often the gated handler of that name was started."""
        runs = self.gate(name).with_suffix(".runs")
        return len(runs.read_text("utf-8").splitlines()) if runs.exists() else 0

    def succeeds(self, run: Run, *, timeout: float = 20) -> None:
        """Wait until a run is over and see that it succeeded, with one final record."""
        wait_until(
            lambda: run.state in {"success", "failure", "lost"}, f"{run.execution_id} ends", timeout=timeout
        )
        record = run.record
        assert record is not None
        assert record.state == "success", record
        mine = [
            one
            for one in records_of(self.installation, record.task_id)
            if one["execution_id"] == run.execution_id
        ]
        assert [one["status"] for one in mine if one["final"]] in ([], ["success"])

    def is_drained(self) -> bool:
        """Whether every message is acknowledged, in both places that kombu uses."""
        with self.server.client() as client:
            return not client.exists("unacked") and not client.exists("unacked_index")


@contextmanager
def worker_house(*, password: str | None = None, **settings: Any) -> Iterator[WorkerHouse]:
    """Set up an installation on a server of its own, with a user for each role, and end both at exit.

    No user of a role may have been denied a command or a key then.
    """
    folder = Path(tempfile.mkdtemp(prefix="mc-test-"))
    (folder / "handlers").mkdir()
    for name, source in HANDLERS.items():
        (folder / "handlers" / f"{name}.py").write_text(dedent(source), "utf-8")
    users = role_users(settings.get("queues", ("default",)))
    extra = ["appendfsync always", "enable-debug-command local", *users]
    with RedisServer(password=password, appendonly=True, extra=extra) as server:
        ours = read_settings(
            **{
                "redis_url": server.url,
                "data_dir": folder / "data",
                "handlers": (folder / "handlers",),
                "visibility_seconds": VISIBILITY_SECONDS,
                "notify": (),
                **settings,
            }
        )
        installation = Installation(ours)
        try:
            yield WorkerHouse(installation, server, folder)
            refused = denied(server)
            assert not refused, refused
        finally:
            installation.celery.close()
            installation.client.close()
            shutil.rmtree(folder, ignore_errors=True)
