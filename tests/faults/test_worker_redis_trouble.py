"""Workers whose Redis crashes, or whose connections are cut, while they hold messages: they go on."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import redis

from tests.processes.real_workers import VISIBILITY_SECONDS, WorkerHouse, WorkerProcess
from tests.processes.rude_workers import Swept, is_run
from tests.stage.tcp_proxy import TcpProxy
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mission_control.dispatch.run_handle import Run

pytestmark = pytest.mark.starts_early

LOST_CONNECTION = "Connection to broker lost"


def restart_redis(house: WorkerHouse, _proxy: TcpProxy) -> None:
    house.server.restart()


def kill_redis(house: WorkerHouse, _proxy: TcpProxy) -> None:
    house.server.kill()
    house.server.restart()


def kill_clients(house: WorkerHouse, _proxy: TcpProxy) -> None:
    with house.server.client() as client:
        client.execute_command("CLIENT", "KILL", "SKIPME", "yes")


def cut_the_network(_house: WorkerHouse, proxy: TcpProxy) -> None:
    assert proxy.cut() > 0
    proxy.restore()


CRASH = "Redis is killed and restarted"
TROUBLES: dict[str, Callable[[WorkerHouse, TcpProxy], None]] = {
    CRASH: kill_redis,
    "Redis is restarted": restart_redis,
    "Redis kills its clients": kill_clients,
    "the network is cut": cut_the_network,
}
CASES = [*(("prefork", trouble) for trouble in TROUBLES), ("threads", CRASH), ("solo", CRASH)]


@contextmanager
def busy_worker(house: WorkerHouse, pool: str) -> Iterator[tuple[WorkerProcess, TcpProxy, Run, Run]]:
    """Start a worker that holds a running, unacknowledged message and one that waits for its countdown.

    It has a slot free in both cases, so it polls: what ends a stock worker.
    """
    held = house.run(delay=4)
    running = house.gated("running") if pool != "solo" else held
    with TcpProxy(house.server.port) as proxy:
        through = {"MISSION_CONTROL_REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0"}
        with house.worker(pool=pool, concurrency=2, environment=through) as worker:
            wait_until(
                lambda: (
                    (held.execution_id in worker.log and "received" in worker.log)
                    and (pool == "solo" or house.runs_of("running") == 1)
                ),
                "the worker holds both",
            )
            yield worker, proxy, held, running


@pytest.mark.parametrize(("pool", "trouble"), CASES)
def test_worker_with_messages_survives_redis_trouble_and_consumes_again(
    house: WorkerHouse, pool: str, trouble: str
) -> None:
    with busy_worker(house, pool) as (worker, proxy, held, running):
        TROUBLES[trouble](house, proxy)
        wait_until(lambda: LOST_CONNECTION in worker.log, "the worker has noticed")
        after = house.run()
        house.succeeds(after)
        house.succeeds(held)
        house.gate("running").touch()
        house.succeeds(running)
        assert pool == "solo" or house.runs_of("running") == 1
        wait_until(house.is_drained, "every message is acknowledged, late or not")
        assert worker.exit_code is None


def test_redis_paused_beyond_the_lease_neither_loses_nor_doubles_a_run(house: WorkerHouse) -> None:
    with house.worker(concurrency=2) as worker:
        running = house.gated("running")
        is_run(house, "running")
        swept = Swept(house)
        with redis.Redis.from_url(house.server.url, socket_timeout=60) as client:
            client.execute_command("DEBUG", "SLEEP", str(VISIBILITY_SECONDS + 1))
        swept.sweep.turn()  # as beat does: the next look is one pause later
        house.gate("running").touch()
        assert swept.ended(running).deliveries == 1
        assert swept.ended(house.run()).state == "success"
        assert (worker.exit_code, house.runs_of("running")) == (None, 1)


def test_solo_worker_acknowledges_late_after_redis_crashed_during_a_run(house: WorkerHouse) -> None:
    running = house.gated("long")
    with house.worker(pool="solo") as worker:
        wait_until(lambda: house.runs_of("long") == 1, "the handler runs")
        house.server.kill()
        house.server.restart()
        house.gate("long").touch()
        house.succeeds(running)
        house.succeeds(house.run())
        wait_until(house.is_drained, "every message is acknowledged")
        assert (worker.exit_code, house.runs_of("long")) == (None, 1)
