"""The broker is another database, or another server, than the ledger, and is emptied: nothing is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import redis
from msgspec.structs import replace

from mission_control.dispatch.run_control import RunControl
from mission_control.store import redis_keys
from tests.processes.beats import leading_beat
from tests.processes.real_workers import WorkerHouse
from tests.processes.rude_workers import Swept, is_run
from tests.stage.live_installation import YEARLY
from tests.stage.servers import RedisServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mission_control.dispatch.run_handle import Run

LONG_ENOUGH = timedelta(seconds=20)
"""For the sweep to ask where a message is."""


def use_broker(house: WorkerHouse, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(house.installation.settings, broker_url=url)
    monkeypatch.setattr(house.installation, "settings", settings)


@pytest.fixture
def database(house: WorkerHouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    """The broker in another database of the ledger's server."""
    url = f"{house.server.url.removesuffix('/0')}/1"
    use_broker(house, url, monkeypatch)
    with redis.Redis.from_url(url) as client:
        yield client


@pytest.fixture
def server(house: WorkerHouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    """The broker on a server of its own."""
    with RedisServer() as broker, broker.client() as client:
        use_broker(house, broker.url, monkeypatch)
        yield client


def flaky(house: WorkerHouse, name: str, *, delay: float) -> Run:
    """Run a task that fails at first, and is retried after `delay` seconds."""
    policy = {"max_retries": 1, "retry_delay_seconds": delay}
    task = {"id": name, "schedule": YEARLY, "handler": "handlers.flaky.run", "retry_policy": policy}
    assert house.installation.registry.register(task)
    return house.run(name)


def test_waiting_runs_of_a_flushed_broker_are_sent_again_and_end_once(
    house: WorkerHouse, database: redis.Redis
) -> None:
    with house.worker():
        retried = flaky(house, "retried", delay=2)
        wait_until(lambda: retried.state == "retrying", "its retry waits in the worker's memory")
        running = house.gated("work")
        is_run(house, "work")
        waiting = [house.run(priority=number) for number in range(6)]
        waiting.append(house.run(delay=1))
        database.flushdb()
        house.gate("work").touch()
        swept = Swept(house, ahead=LONG_ENOUGH)
        assert {swept.ended(run).state for run in (running, retried, *waiting)} == {"success"}
    assert house.runs_of("work") == 1


def test_long_waiting_retries_of_a_flushed_broker_are_still_released(
    house: WorkerHouse, server: redis.Redis
) -> None:
    with house.worker():
        later, sooner = (flaky(house, name, delay=3_600) for name in ("later", "sooner"))
        parked: Any = wait_until(lambda: both_parked(house, later, sooner), "both retries are parked")
        assert parked
        server.flushdb()
        RunControl.of(house.installation).run_now(sooner.execution_id)
        assert Swept(house).ended(sooner).attempt == 2
        assert not house.installation.client.zscore(redis_keys.PARKED, sooner.execution_id)

        house.installation.client.zadd(redis_keys.PARKED, {later.execution_id: 1})  # its time has come
        house.installation.ledger.make_due(later.execution_id)
        with leading_beat(house.installation):
            assert Swept(house).ended(later).attempt == 2
        assert house.installation.client.exists(redis_keys.PARKED, redis_keys.OUTBOX) == 0


def both_parked(house: WorkerHouse, *runs: Run) -> bool:
    found = house.installation.client.zmscore(redis_keys.PARKED, [run.execution_id for run in runs])
    return None not in found
