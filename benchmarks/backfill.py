"""How late live runs start while a backfill goes on whose command and worker are killed, and without one."""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from benchmarks.figures import Round, percentile
from benchmarks.marks import MARKS_VARIABLE
from benchmarks.ours import Ours, installation_at
from benchmarks.place import MeasurementError, Place
from benchmarks.stamps import STAMPS_VARIABLE, read_starts
from mission_control.installation.installation import Installation
from mission_control.model.runs.backfill_plan import BackfillState
from mission_control.model.values.instants import format_instant
from mission_control.processes.commands import worker_command
from mission_control.processes.service_process import ServiceCommand, ServiceProcess

WARM_UP: Final = 5.0
_OLD: Final = datetime(2026, 3, 1, tzinfo=UTC)
_LONGEST: Final = 600.0


def measure_backfill(occurrences: int, *, seconds: float, has_backfill: bool = True) -> Round:
    """Measure a task that is due each second, for some seconds at least and until the backfill is done.

    The command that starts the backfill is killed at once, one of two workers in the middle, with and without
    a backfill. Fails unless each occurrence of the backfill has one run, and that succeeded.
    """
    with Place() as place:
        installation = installation_at(place)
        Ours().seed_every_second(place)
        _register_old(installation)
        workers = [_start_worker(place, installation, number) for number in range(2)]
        Ours().start_beat(place)
        place.wait_until(lambda: Ours().has_leader(place), "beat leads")
        place.wait_for_worker()
        time.sleep(WARM_UP)
        began = time.time()
        if has_backfill:
            _start_backfill(place, installation, occurrences)
        time.sleep(seconds / 2)
        os.killpg(os.getpgid(workers[0].pid), signal.SIGKILL)
        time.sleep(seconds / 2)
        if has_backfill:
            _wait_for_backfill(place, installation, occurrences)
        done: Round = {"backfill_seconds": time.time() - began} if has_backfill else {}
        late = [(at - math.floor(at)) * 1_000 for at in read_starts(place.stamps) if at >= began]
        return {
            "live_start_p50_ms": percentile(late, 0.5),
            "live_start_p99_ms": percentile(late, 0.99),
            **done,
        }


def _register_old(installation: Installation) -> None:
    schedule = {"type": "interval", "minutes": 1}
    installation.registry.register({"id": "old", "handler": "handlers.nothing.run", "schedule": schedule})
    installation.registry.disable("old")  # its live occurrences would be measured in one case only


def _start_worker(place: Place, installation: Installation, number: int) -> ServiceProcess:
    noted = {STAMPS_VARIABLE: str(place.stamps), MARKS_VARIABLE: str(place.marks)}
    command = worker_command(f"benchmark-{number}@%h", concurrency=2, log_level="WARNING")
    return place.start(command, {**installation.settings.environment(), **noted})


def _start_backfill(place: Place, installation: Installation, occurrences: int) -> None:
    """Have a command start it, and kill that."""
    end = format_instant(_OLD + timedelta(minutes=occurrences))
    span = ["--from", format_instant(_OLD), "--to", end]
    words = ["task", "backfill", "old", *span, "--start", "--wait"]
    argv = [sys.executable, "-m", "mission_control", *words]
    command = place.start(ServiceCommand("command", argv), installation.settings.environment())
    place.wait_until(installation.backfills.all, "the backfill is started")
    os.kill(command.pid, signal.SIGKILL)


def _wait_for_backfill(place: Place, installation: Installation, occurrences: int) -> None:
    def is_over() -> bool:
        return all(plan.finished_at is not None for plan in installation.backfills.all())

    place.wait_until(is_over, "the backfill is done", _LONGEST)
    (plan,) = installation.backfills.all()
    runs = {run.execution_id for run in installation.ledger.runs_of("old", limit=2 * occurrences)}
    if (plan.state, dict(plan.ended)) != (BackfillState.DONE, {"success": occurrences}):
        raise MeasurementError(f"of {occurrences} occurrences {dict(plan.ended)} ended; it is {plan.state}")
    if len(runs) != occurrences or installation.ledger.history("old").total_runs != occurrences:
        raise MeasurementError(f"{occurrences} occurrences had {len(runs)} runs")
