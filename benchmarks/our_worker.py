"""Our worker, as delivered: every run is claimed, ended in the ledger, counted, and recorded."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import ClassVar

from benchmarks.marks import MARKS_VARIABLE
from benchmarks.messages_left import messages_left
from benchmarks.ours import installation_at
from benchmarks.place import MeasurementError, Place
from benchmarks.run_contender import Pool
from mission_control.audit.stream.reader import read_all
from mission_control.dispatch.enqueue import Dispatch
from mission_control.installation.installation import Installation
from mission_control.processes.commands import worker_command
from mission_control.processes.service_process import ServiceProcess

TASK_ID = "nothing"


@dataclass(frozen=True)
class OurWorker:
    """The worker with default settings but for its pool and key, and runs as a producer sends them."""

    pool: Pool
    signing_key: str = ""
    limits: int = 0
    """How many named limits each run has, which are never reached."""

    queue: ClassVar[str] = "default"

    def fill(self, place: Place, runs: int) -> None:
        """Register a task, and enqueue runs of it one by one."""
        installation = self._installation(place)
        schedule = {"type": "daily", "time": "09:00"}  # no beat is there to fire it
        task = {"id": TASK_ID, "handler": "handlers.nothing.run", "schedule": schedule, "overlap": "allow"}
        names = [f"limit_{at}" for at in range(self.limits)]
        for name in names:
            installation.limits.set(
                {"name": name, "concurrency": 1_000, "rate": "100000/s", "burst": 100_000}
            )
        installation.registry.register({**task, "limits": names} if names else task)
        dispatch = Dispatch.of(installation)
        with closing(installation.celery):
            for _ in range(runs):
                dispatch.enqueue(TASK_ID)

    def start(self, place: Place) -> Sequence[ServiceProcess]:
        """Start a worker."""
        command = worker_command("benchmark@%h", log_level="WARNING")
        command = replace(command, argv=[*command.argv, *self.pool.options])
        settings = self._installation(place).settings
        return [place.start(command, {**settings.environment(), MARKS_VARIABLE: str(place.marks)})]

    def left(self, place: Place) -> int:
        """Return how many messages our transport has."""
        with closing(self._installation(place).celery) as app:
            return messages_left(app, self.queue)

    def check(self, place: Place, runs: int) -> None:
        """Check that ledger, history and audit stream have every run as a success."""
        installation = self._installation(place)
        found = {
            "runs that are not over": installation.ledger.active_count(),
            "runs short in the history": runs - installation.ledger.history(TASK_ID).success_count,
            "runs short in the audit stream": runs - _recorded(installation),
        }
        wrong = [f"{count} {what}" for what, count in found.items() if count]
        if wrong:
            raise MeasurementError(", ".join(wrong))

    def _installation(self, place: Place) -> Installation:
        key = {"signing_key": self.signing_key} if self.signing_key else {}
        return installation_at(place, **key)


def _recorded(installation: Installation) -> int:
    records = read_all(installation.settings.task_execution_log)
    return len({one["execution_id"] for one in records if one["final"] and one["status"] == "success"})
