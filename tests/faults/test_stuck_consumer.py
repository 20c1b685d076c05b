"""Real workers whose consumer is stuck: they take messages again, or end, and claim no life meanwhile."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.processes.heartbeats import live_processes
from mission_control.store import redis_keys
from tests.processes.real_workers import WorkerHouse, WorkerProcess, worker_house
from tests.processes.rude_workers import Swept, children, is_run
from tests.stage.tcp_proxy import TcpProxy
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psutil

pytestmark = pytest.mark.starts_early(75)

RECONNECTS = "now=reconnecting"
ENDS = "the supervisor starts it again"
EXIT_CODE = 70


@pytest.fixture
def house() -> Iterator[WorkerHouse]:
    with worker_house(allow_remote_control=True) as house:
        yield house


def impatient_worker(
    house: WorkerHouse,
    *,
    proxy: TcpProxy | None = None,
    pool: str = "prefork",
    concurrency: int = 1,
    **patience: float,
) -> WorkerProcess:
    environment = {
        "PATIENCE": json.dumps(patience),
        "STUCK": str(house.folder / "stuck"),
        "HANGING": str(house.folder / "hanging"),
    }
    if proxy is not None:
        environment["MISSION_CONTROL_BROKER_URL"] = f"redis://127.0.0.1:{proxy.port}/0"
    return house.worker(
        app="tests.processes.impatient_worker", environment=environment, pool=pool, concurrency=concurrency
    )


def gives_signs(house: WorkerHouse, worker: WorkerProcess, times: int) -> None:
    """Wait until a worker has renewed its heartbeat so many times, once a second."""
    for number in range(times):
        house.installation.client.delete(redis_keys.process("worker", worker.name))
        wait_until(lambda: claims_life(house, worker), f"heartbeat {number} is there")


def claims_life(house: WorkerHouse, worker: WorkerProcess) -> bool:
    return worker.name in {one.name for one in live_processes(house.installation.client)}


def test_worker_stuck_after_a_redis_restart_reconnects_and_takes_messages(house: WorkerHouse) -> None:
    with impatient_worker(house, STUCK_AFTER_SECONDS=2.5) as worker:
        house.succeeds(house.run())
        (house.folder / "stuck").touch()
        house.server.restart()
        run = house.run()
        wait_until(lambda: RECONNECTS in worker.log, "it reconnects", timeout=20)
        wait_until(lambda: not claims_life(house, worker), "its heartbeat is gone")
        (house.folder / "stuck").unlink()
        house.succeeds(run)
        wait_until(lambda: claims_life(house, worker), "its heartbeat is back")
        assert worker.exit_code is None


def test_worker_that_stays_stuck_stops_its_heartbeat_and_exits(house: WorkerHouse) -> None:
    with impatient_worker(house, STUCK_AFTER_SECONDS=2, MOST_RECONNECTIONS=1) as worker:
        (house.folder / "stuck").touch()
        wait_until(lambda: RECONNECTS in worker.log, "it reconnects", timeout=20)
        wait_until(lambda: not claims_life(house, worker), "its heartbeat is gone")
        lived = []

        def has_ended() -> bool:
            lived.append(claims_life(house, worker))
            return worker.exit_code is not None

        wait_until(has_ended, "it has ended", timeout=20)
        assert (worker.exit_code, any(lived), ENDS in worker.log) == (EXIT_CODE, False, True)
        assert house.run().state == "dispatched"


def test_worker_with_a_hanging_loop_exits(house: WorkerHouse) -> None:
    with impatient_worker(house, HANGS_AFTER_SECONDS=2, _LOOK_EVERY_SECONDS=0.2) as worker:
        (house.folder / "hanging").touch()
        assert wait_until(lambda: worker.exit_code, "it has ended", timeout=20) == EXIT_CODE
        assert ENDS in worker.log
        wait_until(lambda: not claims_life(house, worker), "its heartbeat is gone")


def test_worker_with_a_hanging_loop_and_a_long_handler_exits(house: WorkerHouse) -> None:
    with impatient_worker(
        house, pool="threads", concurrency=2, HANGS_AFTER_SECONDS=2, _LOOK_EVERY_SECONDS=0.2
    ) as worker:
        house.gated("work")
        is_run(house, "work")
        (house.folder / "hanging").touch()
        assert wait_until(lambda: worker.exit_code, "it has ended", timeout=20) == EXIT_CODE


def test_worker_running_long_handlers_in_its_loop_counts_as_alive(house: WorkerHouse) -> None:
    with impatient_worker(
        house, pool="solo", STUCK_AFTER_SECONDS=1.2, HANGS_AFTER_SECONDS=2, _LOOK_EVERY_SECONDS=0.2
    ) as worker:
        run = house.gated("work")
        is_run(house, "work")
        gives_signs(house, worker, 4)
        house.gate("work").touch()
        more = [house.run("handlers.test_handler.run", {"sleep_seconds": 1.5}) for _ in range(3)]
        for one in (run, *more):
            house.succeeds(one)
        assert (RECONNECTS in worker.log, worker.exit_code) == (False, None)


def test_paused_consumer_is_not_stuck_and_resumes_on_request(house: WorkerHouse) -> None:
    with impatient_worker(house, STUCK_AFTER_SECONDS=2) as worker:
        control = house.installation.celery.control
        wait_until(lambda: control.cancel_consumer("default", reply=True, timeout=1), "it hears", timeout=30)
        run = house.run()
        gives_signs(house, worker, 4)
        assert (RECONNECTS in worker.log, worker.exit_code, run.state) == (False, None, "dispatched")
        assert control.add_consumer("default", reply=True, timeout=5)
        house.succeeds(run)
        assert RECONNECTS not in worker.log


def test_worker_with_dropped_packets_takes_messages_again(house: WorkerHouse) -> None:
    with (
        TcpProxy(house.server.port) as proxy,
        impatient_worker(house, proxy=proxy, STUCK_AFTER_SECONDS=2.5) as worker,
    ):
        house.succeeds(house.run())
        # The timeout of a command on its way would have Celery reconnect before the worker does.
        wait_until(lambda: not house.installation.client.exists("unacked"), "its message is confirmed")
        assert proxy.swallow() > 0
        # A message may be popped into the dead connection: it is for the sweep.
        swept = Swept(house, ahead=timedelta(seconds=20))
        assert swept.ended(house.run(), timeout=40).state == "success"
        wait_until(lambda: claims_life(house, worker), "its heartbeat is there", timeout=20)
        assert (RECONNECTS in worker.log, worker.exit_code) == (True, None), worker.log


def test_run_that_a_free_process_does_not_take_is_given_to_another(house: WorkerHouse) -> None:
    with impatient_worker(house, concurrency=2, TAKEN_WITHIN_SECONDS=1.5) as worker:
        first = house.gated("first")
        is_run(house, "first")
        deaf = wait_until(lambda: idle_child(house, worker), "its other process waits for work")
        assert deaf is not None
        deaf.suspend()
        second = house.run()
        house.succeeds(second)
        assert f"execution_id={second.execution_id} pid={deaf.pid}" in worker.log
        assert (first.state, house.runs_of("first"), worker.exit_code) == ("running", 1, None)
        house.gate("first").touch()
        house.succeeds(first)
        wait_until(house.is_drained, "nothing is held")


def idle_child(house: WorkerHouse, worker: WorkerProcess) -> psutil.Process | None:
    """Return the process of the pool that runs no handler, once there are two."""
    family = children(worker)
    busy = {run.pid for run in house.installation.ledger.active()}
    return next((one for one in family if one.pid not in busy), None) if len(family) == 2 else None
