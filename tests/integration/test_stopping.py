"""Stopping, killing and abandoning beat and worker: within bounds, and no run is forgotten."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psutil
import pytest

from mission_control.processes.heartbeats import live_processes
from tests.processes.forked import ForkedFleet
from tests.processes.rude_workers import lives
from tests.stage.live_installation import LiveInstallation, live_installation
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mission_control.processes.fleet import Fleet

pytestmark = pytest.mark.starts_early(45)

HANDLERS = {
    "gated": '''
        """A handler that ends when it is let go."""
        import time
        from pathlib import Path


        def run(context):
            """Wait until the file named in the params is there."""
            while not Path(context["params"]["gate"]).exists():
                time.sleep(0.02)
            return {"status": "success", "output": "let go", "error": None}
    '''
}


@pytest.fixture(scope="module")
def live() -> Iterator[LiveInstallation]:
    with live_installation(HANDLERS, start=False, concurrency=1) as live:
        yield live


@pytest.fixture
def fleet(live: LiveInstallation) -> Iterator[Fleet]:
    fleet = ForkedFleet(live.installation.client, live.installation.settings, concurrency=1)
    fleet.start()
    try:
        yield fleet
    finally:
        fleet.stop(0)


def test_running_handler_finishes_while_beat_and_worker_stop(live: LiveInstallation, fleet: Fleet) -> None:
    gate, log = live.folder / "graceful", live.folder / "data" / "logs" / "worker.log"
    run = live.run("handlers.gated.run", {"gate": str(gate)})
    wait_until(lambda: run.state == "running", "the run runs")
    with ThreadPoolExecutor() as pool:
        stopping = pool.submit(fleet.stop)
        wait_until(lambda: "Warm shutdown" in log.read_text("utf-8"), "the worker has heard it")
        gate.touch()
        stopping.result(timeout=60)
    record = run.record
    assert record is not None
    assert (record.state, record.deliveries) == ("success", 1)
    assert [one["status"] for one in live.records(record)] == ["success"]


def test_worker_stopped_at_once_interrupts_its_run_which_restarts_later(
    live: LiveInstallation, fleet: Fleet
) -> None:
    gate = live.folder / "busy"
    busy = live.run("handlers.gated.run", {"gate": str(gate)})
    held = live.run("handlers.hello.run", delay=4)
    waiting = live.run("handlers.hello.run")
    wait_until(lambda: busy.state == "running", "the run runs")

    services = fleet.services
    fleet.stop(0)
    gate.touch()
    assert [one.name for one in services if one.exit_code in {None, -signal.SIGKILL}] == []
    record = busy.record
    assert record is not None
    assert (record.state, record.reason) == ("interrupted", "its worker stopped")
    (cut_off,) = live.records(record)
    assert (cut_off["status"], cut_off["final"], cut_off["attempt"]) == ("interrupted", False, 1)
    assert cut_off["duration_ms"] > 0

    fleet.start()
    for run in (busy, held, waiting):
        record = live.ended(run)
        assert (record.state, record.attempt) == ("success", 1)
        assert [one["final"] for one in live.records(record)] == [False] * (run is busy) + [True]
    with live.server.client() as client:
        wait_until(lambda: not client.exists("unacked"), "every message is acknowledged")


def test_handler_that_ended_while_redis_hung_is_recorded_once(live: LiveInstallation, fleet: Fleet) -> None:
    assert fleet.dead_service() is None
    gate, log = live.folder / "hung", live.folder / "data" / "logs" / "worker.log"
    run = live.run("handlers.gated.run", {"gate": str(gate)})
    wait_until(lambda: run.state == "running", "the run runs")
    seen = len(log.read_text("utf-8"))
    live.server.pause()
    try:
        gate.touch()
        wait_until(
            lambda: "waiting for Redis" in log.read_text("utf-8")[seen:],
            "the worker has noticed that Redis hangs",
            timeout=20,
        )
    finally:
        live.server.resume()
    record = live.ended(run, timeout=30)
    assert (record.state, record.output, record.attempt) == ("success", "let go", 1)
    assert len(live.records(record)) == 1
    assert live.ended(live.run("handlers.hello.run"), timeout=30).state == "success"


def test_idle_fleet_stops_quickly_and_leaves_no_process(live: LiveInstallation, fleet: Fleet) -> None:
    processes = [
        one
        for service in fleet.services
        for one in [psutil.Process(service.pid), *psutil.Process(service.pid).children(recursive=True)]
    ]
    assert len(processes) >= 3
    began = time.monotonic()
    fleet.stop()
    assert time.monotonic() - began < 25  # the grace of 30 s is for handlers only
    assert [one for one in processes if one.is_running()] == []
    assert live_processes(live.installation.client) == []


SUPERVISOR = """
import sys, time
from mission_control.installation.installation import Installation
from mission_control.processes.fleet import Fleet
from mission_control.configuration.settings import read_settings

installation = Installation(read_settings())
fleet = Fleet(installation.client, installation.settings, concurrency=1)
fleet.start()
print(*(service.pid for service in fleet.services), flush=True)
time.sleep(600)
"""


def test_busy_fleet_with_a_killed_supervisor_stops_by_itself(live: LiveInstallation) -> None:
    environment = {**os.environ, **live.installation.settings.environment()}
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR], env=environment, stdout=subprocess.PIPE, text=True
    ) as supervisor:
        assert supervisor.stdout is not None
        pids = [int(text) for text in supervisor.stdout.readline().split()]
        processes = [psutil.Process(pid) for pid in pids]
        gate = live.folder / "orphan"
        run = live.run("handlers.gated.run", {"gate": str(gate)})
        wait_until(lambda: run.state == "running", "the run runs")
        supervisor.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(map(lives, processes)), "both have noticed and stopped", timeout=15)
    gate.touch()


def test_run_of_an_orphaned_worker_is_run_by_the_next_one(live: LiveInstallation, fleet: Fleet) -> None:
    assert fleet.dead_service() is None
    wait_until(lambda: live.installation.ledger.active_count() == 0, "no run is left over", timeout=15)
