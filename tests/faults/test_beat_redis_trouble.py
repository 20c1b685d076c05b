"""A real beat and a Redis in trouble: beat waits, goes on, and neither loses nor doubles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.configuration.settings import read_settings
from mission_control.installation.installation import Installation
from mission_control.messaging.outage_history import stored_outages
from mission_control.operate.assembly import asking
from mission_control.operate.why.explanation import Source
from mission_control.store import redis_keys
from tests.processes.beats import BeatProcess, leading_beat, sent_ids
from tests.stage.servers import RedisServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TICKER = {
    "id": "ticker",
    "handler": "handlers.test_handler.run",
    "schedule": {"type": "interval", "seconds": 0.25},
    "overlap": "allow",
    "misfire": {"policy": "all"},
}
LEADER_SECONDS = 1


def installation_on(server: RedisServer, folder: Path) -> Installation:
    settings = read_settings(redis_url=server.url, data_dir=folder, notify=(), leader_seconds=LEADER_SECONDS)
    return Installation(settings)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer(appendonly=True, extra=["appendfsync always"]) as server:
        yield server


def count(place: Installation) -> int:
    return len(place.ledger.runs_of("ticker", limit=1_000))


def go_on(place: Installation) -> None:
    """Wait until beat fires again."""
    before = count(place)
    wait_until(lambda: count(place) > before + 2, "beat fires again", timeout=15)
    wait_until(lambda: not place.client.exists(redis_keys.PARKED), "all that was caught up is sent")


def assert_every_occurrence_was_fired_once(place: Installation) -> None:
    runs = place.ledger.runs_of("ticker", limit=1_000)[::-1]
    times = [run.scheduled_time for run in runs]
    assert times == [times[0] + at * timedelta(seconds=0.25) for at in range(len(times))]
    sent = sent_ids(place.client)
    assert len(sent) == len(set(sent))
    assert {run.execution_id for run in runs} <= set(sent_ids(place.client))


def kill_and_restart(server: RedisServer) -> None:
    server.kill()
    server.restart()


def pause_beyond_the_lease(server: RedisServer) -> None:
    with server.client() as client:
        client.client_pause(LEADER_SECONDS * 1_500)


def make_read_only_for_a_while(server: RedisServer) -> None:
    with server.client() as client:
        client.replicaof("127.0.0.1", 1)
        wait_for_refusals(client)
        client.replicaof("NO", "ONE")


def fill_for_a_while(server: RedisServer) -> None:
    with server.client() as client:
        client.config_set("maxmemory", "1")
        wait_for_refusals(client)
        client.config_set("maxmemory", "0")


def keep_from_saving_for_a_while(server: RedisServer) -> None:
    with server.client() as client:
        client.config_set("save", "3600 1")
        (server.directory / "dump.rdb").mkdir()  # what is a directory cannot be replaced by a file
        client.bgsave()
        status: Callable[[], Any] = lambda: client.info("persistence")["rdb_last_bgsave_status"]  # noqa: E731
        wait_until(lambda: status() == "err", "saving fails")
        wait_for_refusals(client)
        (server.directory / "dump.rdb").rmdir()
        client.bgsave()
        wait_until(lambda: status() == "ok", "saving works again")


def wait_for_refusals(client: Any) -> None:
    """Wait until the server has refused a few commands, which are beat's."""
    before = refused(client)
    wait_until(lambda: refused(client) > before + 1, "the server refuses what beat asks for")


def refused(client: Any) -> int:
    return sum(int(one["count"]) for name, one in client.info("errorstats").items() if "NOSCRIPT" not in name)


@pytest.mark.parametrize(
    "trouble",
    [
        kill_and_restart,
        pause_beyond_the_lease,
        make_read_only_for_a_while,
        fill_for_a_while,
        keep_from_saving_for_a_while,
    ],
)
def test_beat_survives_redis_trouble_without_lost_or_double_runs(
    server: RedisServer, tmp_path: Path, trouble: Callable[[RedisServer], None]
) -> None:
    place = installation_on(server, tmp_path)
    assert place.registry.register(TICKER)
    with leading_beat(place) as beat:
        go_on(place)
        trouble(server)
        go_on(place)
        assert beat.exit_code is None
        assert_every_occurrence_was_fired_once(place)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [(make_read_only_for_a_while, "is a read-only replica"), (fill_for_a_while, "is full")],
)
def test_why_names_the_refusals_of_redis_that_delayed_a_run(
    server: RedisServer, tmp_path: Path, trouble: Callable[[RedisServer], None], words: str
) -> None:
    place = installation_on(server, tmp_path)
    assert place.registry.register(TICKER)
    with leading_beat(place):
        go_on(place)
        trouble(server)
        go_on(place)
        wait_until(lambda: place.client.exists(redis_keys.OUTAGES), "beat stores when Redis refused")
    (outage,) = stored_outages(place.client, datetime.min.replace(tzinfo=UTC), place.clock())
    runs = place.ledger.runs_of("ticker", limit=1_000)
    delayed = next(run for run in runs if outage.since < run.due_at < outage.until)
    found = asking(place).why(delayed.execution_id).findings
    (refused,) = (one for one in found if one.code == "redis_refused")
    assert refused.words.startswith(f"Redis {words}")
    assert refused.source is Source.STORED


def test_beat_waits_for_a_server_that_starts_later(server: RedisServer, tmp_path: Path) -> None:
    place = installation_on(server, tmp_path)
    assert place.registry.register(TICKER)
    server.stop()
    with BeatProcess(place) as beat:
        wait_until(lambda: "waiting for Redis" in beat.log, "beat says that it waits", timeout=20)
        server.restart()
        beat.wait_until_it_leads()
        go_on(place)
        assert beat.exit_code is None


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_beat_refuses_a_server_that_may_evict(server: RedisServer, tmp_path: Path, policy: str) -> None:
    place = installation_on(server, tmp_path)
    place.client.config_set("maxmemory-policy", policy)
    with BeatProcess(place) as beat:
        assert wait_until(lambda: beat.exit_code, "beat has ended", timeout=20) == 1
        (line,) = (one for one in beat.log.splitlines() if f"Redis has maxmemory-policy {policy}" in one)
        assert "MISSION_CONTROL_ALLOW_EVICTION=true" in line
        assert "Traceback" not in beat.log


def test_beat_exits_when_its_server_may_evict(server: RedisServer, tmp_path: Path) -> None:
    place = installation_on(server, tmp_path)
    with leading_beat(place) as beat:
        place.client.config_set("maxmemory-policy", "allkeys-lru")
        place.client.flushall()
        assert wait_until(lambda: beat.exit_code, "beat has ended", timeout=10) == 1
        assert "Redis has maxmemory-policy allkeys-lru" in beat.log


def test_beat_accepts_a_server_that_may_evict_if_allowed(server: RedisServer, tmp_path: Path) -> None:
    place = installation_on(server, tmp_path)
    assert place.registry.register(TICKER)
    place.client.config_set("maxmemory-policy", "allkeys-lru")
    with leading_beat(place, {"MISSION_CONTROL_ALLOW_EVICTION": "true"}):
        go_on(place)
