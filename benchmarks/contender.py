"""What both schedulers can do, each in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from benchmarks.place import Place
from mission_control.processes.service_process import ServiceProcess


class Contender(Protocol):
    """A scheduler whose beat and worker are real processes; instants are Unix seconds."""

    @property
    def name(self) -> str:
        """The name under which it is reported."""

    @property
    def queue(self) -> str:
        """The list that its messages are put on."""

    def seed(self, place: Place, instants: Sequence[float]) -> None:
        """Enter one task for each instant, due then and every day after, before beat is started."""

    def seed_every_second(self, place: Place) -> None:
        """Enter one task that is due at every second."""

    def add(self, place: Place, instant: float) -> None:
        """Enter one more task while beat runs, as a producer does."""

    def start_beat(self, place: Place) -> ServiceProcess:
        """Start a beat; it need not lead yet."""

    def start_worker(self, place: Place) -> ServiceProcess:
        """Start a prefork worker with two children; it need not be ready yet."""

    def has_leader(self, place: Place) -> bool:
        """Whether a beat leads."""
