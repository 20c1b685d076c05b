"""A peer as a contender: its processes are started from its own environment."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.marks import MARKS_VARIABLE
from benchmarks.peers.surroundings import URL_VARIABLE
from benchmarks.place import CHECKOUT, MeasurementError
from mission_control.processes.service_process import ServiceCommand

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from redis import Redis

    from benchmarks.place import Place
    from mission_control.processes.service_process import ServiceProcess


@dataclass(frozen=True)
class Peer:
    """A queue that is measured at its defaults, without results, with as many processes as our pool has.

    `commands` start it; `messages` says what is left of them. `environment` is the virtual environment in
    which it is installed.
    """

    name: str
    commands: Sequence[Sequence[str]]
    messages: Callable[[Redis], int]
    environment: Path

    def fill(self, place: Place, runs: int) -> None:
        """Have the peer's own client send."""
        ended = subprocess.run(
            [self.environment / "bin" / "python", "-m", "benchmarks.peers.send", self.name, str(runs)],
            env={**os.environ, "PYTHONPATH": str(CHECKOUT), **self._variables(place)},
            cwd=place.directory,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise MeasurementError(f"{self.name} could not send:\n{ended.stderr[-2_000:]}")

    def start(self, place: Place) -> Sequence[ServiceProcess]:
        """Start the peer's own command line."""
        return [
            place.start(ServiceCommand(self.name, self._installed(command)), self._variables(place))
            for command in self.commands
        ]

    def left(self, place: Place) -> int:
        """Return how many messages are on its lists."""
        return self.messages(place.client)

    def check(self, place: Place, runs: int) -> None:
        """Ask for nothing: results are off."""

    def _installed(self, command: Sequence[str]) -> list[str]:
        program, *options = command
        return [str(self.environment / "bin" / program), *options]

    @staticmethod
    def _variables(place: Place) -> dict[str, str]:
        # RQ's command line reads a variable of its own, the others our modules.
        return {URL_VARIABLE: place.url, "RQ_REDIS_URL": place.url, MARKS_VARIABLE: str(place.marks)}
