"""What a queue and its worker can do, each in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks.place import Place
from mission_control.processes.service_process import ServiceProcess


@dataclass(frozen=True)
class Pool:
    """How a Celery worker carries out runs: `prefork`, `threads` or `solo`, and how many at once."""

    kind: str = "prefork"
    concurrency: int = 2

    @property
    def options(self) -> list[str]:
        """The options of `celery worker`."""
        return ["--pool", self.kind, "--concurrency", str(self.concurrency)]


class RunContender(Protocol):
    """A queue on Redis with its worker, and a task that does nothing but `mark()`."""

    def fill(self, place: Place, runs: int) -> None:
        """Send so many runs, while no worker carries them out."""

    def start(self, place: Place) -> Sequence[ServiceProcess]:
        """Start what carries them out."""

    def left(self, place: Place) -> int:
        """Return how many messages are queued, or delivered and not acknowledged."""

    def check(self, place: Place, runs: int) -> None:
        """Check that so many runs left behind what this contender promises to keep of them.

        Raises:
            MeasurementError: something is missing.
        """
