"""What sees a simulation."""

from __future__ import annotations

from typing import Protocol

from mission_control.model.policies.misfire import Miss, Skip
from mission_control.operate.simulation.simulated_run import SimulatedRun


class Witness(Protocol):
    """Sees what happens in a simulation. Times are Unix seconds."""

    def fired(self, now: float) -> None:
        """See that beat fires a run."""

    def unfired(self, task_id: str, action: Miss | Skip) -> None:
        """See an occurrence of a task that is skipped or missed."""

    def held_up(self, by: str) -> None:
        """See that a run must wait for a limit, or for another run of its task."""

    def started(self, run: SimulatedRun, now: float) -> None:
        """See a run that begins an attempt."""

    def ended(self, run: SimulatedRun, now: float, /) -> None:
        """See a run that is over."""
