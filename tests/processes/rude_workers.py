"""Handlers that misbehave on real workers, and waiting for their runs while the sweep goes on."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psutil

from mission_control.configuration.clock import utc_now
from mission_control.installation.installation import Installation
from mission_control.sweep.sweep import Sweep
from tests.processes.real_workers import VISIBILITY_SECONDS, WorkerHouse, worker_house
from tests.stage.audit_stream import records_of
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mission_control.dispatch.run_handle import Run
    from mission_control.model.runs.run_record import RunRecord
    from tests.processes.real_workers import WorkerProcess

RECOVERED_WITHIN = VISIBILITY_SECONDS + 15

RUDE = '''
    """Handlers that end their process, or do not end at all."""
    import ctypes, os, signal, sys, time
    from pathlib import Path

    WAYS = {
        "os._exit": lambda: os._exit(3),
        "sys.exit": lambda: sys.exit(3),
        "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "SIGTERM": lambda: os.kill(os.getpid(), signal.SIGTERM),
        "MemoryError": lambda: bytearray(1 << 62),
        "segfault": lambda: ctypes.string_at(0),
    }


    def die(context):
        """End the process in the way that the params name."""
        WAYS[context["params"]["way"]]()


    def kill_worker(context):
        """Take the whole worker away, as a machine does that runs out of memory."""
        with Path(context["params"]["log"]).open("a") as log:
            log.write("run\\n")
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


    def deaf(context):
        """Go on for a minute whatever is raised."""
        Path(__file__).parents[1].joinpath("deaf.begun").touch()
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                time.sleep(0.05)
            except BaseException:
                pass


    def hungry(context):
        """Take memory until there is no more."""
        eaten = []
        while True:
            eaten.append(bytearray(10_000_000))


    def greedy(context):
        """Keep Python's lock for longer than a lease."""
        with Path(context["params"]["log"]).open("a") as log:
            log.write("run\\n")
        ctypes.PyDLL(None).sleep(context["params"]["seconds"])
        return {"status": "success", "output": "awake", "error": None}
'''


@contextmanager
def rude_house(**settings: Any) -> Iterator[WorkerHouse]:
    """Set up an installation without beat or worker that has the handlers above."""
    with worker_house(**settings) as house:
        source = "\n".join(line[4:] for line in RUDE.splitlines())
        (house.folder / "handlers" / "rude.py").write_text(source, "utf-8")
        yield house


class Swept:
    """Waiting while the sweep goes on, whose clock may be `ahead`."""

    def __init__(self, house: WorkerHouse, *, ahead: timedelta = timedelta(0)) -> None:
        self._house = house
        ours = house.installation
        there = Installation(ours.settings, clock=lambda: utc_now() + ahead) if ahead else ours
        self.sweep = Sweep.of(ours.celery, there)

    def ended(self, run: Run, *, timeout: float = RECOVERED_WITHIN) -> RunRecord:
        """Return a run when it is over, having seen that it has one final record."""

        def is_over() -> bool:
            self.sweep.turn()
            return run.result is not None

        wait_until(is_over, f"{run.execution_id} is over", timeout=timeout)
        record = run.record
        assert record is not None
        wait_until(lambda: self.final_records(record), "its record is written")
        assert len(self.final_records(record)) == 1, self.final_records(record)
        return record

    def final_records(self, run: RunRecord) -> list[dict[str, Any]]:
        found = records_of(self._house.installation, run.task_id)
        return [one for one in found if one["final"] and one["execution_id"] == run.execution_id]


def is_run(house: WorkerHouse, name: str, times: int = 1) -> None:
    wait_until(lambda: house.runs_of(name) >= times, f"{name} is run for time {times}", timeout=20)


def children(worker: WorkerProcess) -> list[psutil.Process]:
    return list(psutil.Process(worker._process.pid).children(recursive=True))


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it ended between the two
        return False
