"""Where one measurement takes place: a fresh Redis server, a folder, and the processes on top of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from mission_control.processes.service_process import ServiceCommand, ServiceProcess
from mission_control.store.connection import connect
from mission_control.store.embedded.embedded_server import join_embedded_server
from mission_control.store.embedded.locks import patiently

CHECKOUT: Final = Path(__file__).resolve().parents[1]
_STOP_WITHIN: Final = timedelta(seconds=8)
_READY_WITHIN_SECONDS: Final = 60.0


class MeasurementError(Exception):
    """A measurement could not be taken; the message says what did not happen."""


class Place:
    """A server of the kind that Mission Control manages itself, with nothing in it; gone afterwards."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="mission-control-benchmark-"))
        self._ends = ExitStack()
        self._ends.callback(shutil.rmtree, self.directory, ignore_errors=True)
        try:
            server = join_embedded_server(self.directory)
        except BaseException:
            self._ends.close()
            raise
        self._ends.callback(server.leave)
        self.url = server.url
        self.client = connect(self.url)
        self._ends.callback(self.client.close)
        self._services = 0

    @property
    def stamps(self) -> Path:
        """Where handlers note when they were started."""
        return self.directory / "starts.txt"

    @property
    def marks(self) -> Path:
        """Where no-ops note that they were carried out."""
        return self.directory / "marks"

    def start(self, command: ServiceCommand, environment: Mapping[str, str]) -> ServiceProcess:
        """Start a process that ends with this place at the latest."""
        self._services += 1
        path = self.directory / f"{self._services}-{command.name}.log"
        everything = {"PYTHONPATH": str(CHECKOUT), **environment}
        with path.open("wb") as log:
            service = ServiceProcess(command, everything, log)
        self._ends.callback(_stop, service)
        return service

    def wait_until(
        self, predicate: Callable[[], object], what: str, seconds: float = _READY_WITHIN_SECONDS
    ) -> None:
        """Return when the predicate is true.

        Raises:
            MeasurementError: it did not become so; with the last lines of every process.
        """
        if not any(predicate() for _ in patiently(seconds)):
            raise MeasurementError(f"waited {seconds:g} s in vain until {what}\n{self.last_words()}")

    def wait_for_worker(self) -> None:
        """Return when a worker waits for messages: its pop blocks."""
        self.wait_until(lambda: self._info("blocked_clients"), "a worker waits for messages")

    def round_trips(self) -> int:
        """Return how many times the server has answered a client so far, this question included.

        Commands that are sent together count once. It is an upper bound: a long question is read, and a
        long answer written, in several goes, so the smaller of the two numbers is nearer to the truth.
        """
        return min(self._info("total_reads_processed"), self._info("total_writes_processed"))

    def cpu_seconds(self) -> float:
        """Return the server's CPU time so far."""
        info = self.client.info("cpu")
        return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])

    def last_words(self) -> str:
        """Return the last lines of every process."""
        return "\n".join(path.read_text(errors="replace")[-2_000:] for path in self.directory.glob("*.log"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.close()

    def _info(self, name: str) -> int:
        return int(self.client.info()[name])


def _stop(service: ServiceProcess) -> None:
    service.ask_to_stop()
    service.wait_or_kill(_STOP_WITHIN)
