"""The same Celery worker without anything of ours, running a task that does nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import ClassVar

from celery import Celery

from benchmarks import bare_app
from benchmarks.marks import MARKS_VARIABLE
from benchmarks.messages_left import messages_left
from benchmarks.ours import installation_at
from benchmarks.place import Place
from benchmarks.run_contender import Pool
from mission_control.processes.service_process import ServiceCommand, ServiceProcess


@dataclass(frozen=True)
class BareWorker:
    """A worker with our settings; `events` are those for Flower, which ours sends by default."""

    pool: Pool
    events: bool = True

    queue: ClassVar[str] = "default"

    def fill(self, place: Place, runs: int) -> None:
        """Send messages one by one."""
        with closing(_app(place)) as app:
            for _ in range(runs):
                app.send_task(bare_app.NOOP)

    def start(self, place: Place) -> Sequence[ServiceProcess]:
        """Start a worker."""
        celery = [sys.executable, "-m", "celery", "--app", "benchmarks.bare_app"]
        options = ["worker", "--loglevel", "WARNING", "--hostname", "bare@%h", *self.pool.options]
        environment = {
            **installation_at(place).settings.environment(),
            MARKS_VARIABLE: str(place.marks),
            **({bare_app.EVENTS_VARIABLE: "1"} if self.events else {}),
        }
        return [place.start(ServiceCommand("bare-worker", [*celery, *options]), environment)]

    def left(self, place: Place) -> int:
        """Return how many messages kombu has."""
        with closing(_app(place)) as app:
            return messages_left(app, self.queue)

    def check(self, place: Place, runs: int) -> None:
        """Ask for nothing: a bare worker keeps nothing of a run."""


def _app(place: Place) -> Celery:
    return bare_app.build(lambda: installation_at(place))
