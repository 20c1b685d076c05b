"""A Redis that Sentinels name, and what becomes of beat and workers when another server takes its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from celery.schedules import schedule
from redbeat import RedBeatSchedulerEntry
from redis.exceptions import RedisError

from mission_control.errors import SettingsError, StoreUnavailableError
from mission_control.installation.installation import Installation, current_installation
from mission_control.store.connection import connect, store_errors
from mission_control.store.embedded.server_start import free_port
from tests.processes.forked import ForkedFleet
from tests.stage.audit_stream import records_of
from tests.stage.sentinels import MASTER_NAME, SentinelHouse
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.starts_early

EVERY_SECOND = {
    "id": "tick",
    "handler": "handlers.hello.run",
    "schedule": {"type": "interval", "seconds": 1},
    "overlap": "allow",
    "misfire": {"policy": "all"},
}


@pytest.fixture
def house() -> Iterator[SentinelHouse]:
    with SentinelHouse() as house:
        yield house


@pytest.fixture
def installation(house: SentinelHouse, bare_environment: pytest.MonkeyPatch) -> Installation:
    bare_environment.setenv("MISSION_CONTROL_REDIS_URL", house.url)
    return current_installation()


def successes(installation: Installation) -> int:
    """How often the task has run; 0 while no master answers."""
    try:
        task = installation.registry.get("tick")
    except RedisError:
        return 0
    return 0 if task is None else int(task["execution_history"]["success_count"])


def has_succeeded(installation: Installation, times: int) -> None:
    wait_until(lambda: successes(installation) >= times, f"the task has run {times} times", timeout=40)


@pytest.mark.parametrize("how", ["fail_over", "swap"])
def test_beat_and_worker_continue_with_the_new_master(
    house: SentinelHouse, installation: Installation, how: str
) -> None:
    installation.registry.register(EVERY_SECOND)
    RedBeatSchedulerEntry("theirs", "handlers.hello.run", schedule(1), app=installation.celery).save()
    fleet = ForkedFleet(installation.client, installation.settings, concurrency=1)
    fleet.start()
    try:
        before = {service.name: service.pid for service in fleet.services}
        has_succeeded(installation, 1)
        getattr(house, how)()
        has_succeeded(installation, successes(installation) + 3)
        seen = len(records_of(installation, "theirs"))
        wait_until(lambda: len(records_of(installation, "theirs")) > seen, "RedBeat's entry goes on")
        assert fleet.dead_service() is None
        assert {service.name: service.pid for service in fleet.services} == before
    finally:
        fleet.stop(0)
    logs = installation.settings.data_dir / "logs"
    assert [log.name for log in logs.glob("*.log") if "of-the-" in log.read_text("utf-8")] == []


def test_program_finds_the_new_master_or_reports_that_there_is_none(house: SentinelHouse) -> None:
    with connect(house.url) as client:
        client.set("key", "value")
        assert client.wait(1, 2_000) == 1
        house.fail_over()
        assert client.get("key") == "value"
        house.replica.kill()
        with pytest.raises(StoreUnavailableError) as caught, store_errors(house.url):
            client.get("key")
    assert "of-the-" not in str(caught.value)


def test_master_unknown_to_the_sentinels_is_reported(house: SentinelHouse) -> None:
    for url in (
        house.url.replace(MASTER_NAME, "unknown"),
        f"sentinel://127.0.0.1:{free_port()}?master_name={MASTER_NAME}",
    ):
        with (
            connect(url) as client,
            pytest.raises(StoreUnavailableError, match="no master that one of its Sentinels names") as caught,
            store_errors(url),
        ):
            client.ping()
        assert "of-the-" not in str(caught.value)


def test_options_unknown_to_redis_py_are_refused(house: SentinelHouse) -> None:
    with pytest.raises(SettingsError, match="an option after"):
        connect(f"{house.url}&no_such_option=1")
