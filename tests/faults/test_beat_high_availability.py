"""Two real beats: one leads, and whatever happens to it, every occurrence is fired exactly once."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.configuration.clock import utc_now
from mission_control.configuration.settings import read_settings
from mission_control.installation.installation import Installation
from mission_control.model.values.instants import format_instant
from mission_control.store import redis_keys
from tests.processes.beats import BeatProcess, leading_beat, sent_ids
from tests.stage.live_installation import YEARLY
from tests.stage.servers import RedisServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mission_control.model.runs.run_record import RunRecord

LEADER_SECONDS = 1
LONG_LEASE_SECONDS = 600
HANDLER = "handlers.test_handler.run"
TICKER = {
    "id": "ticker",
    "handler": HANDLER,
    "schedule": {"type": "interval", "seconds": 0.25},
    "overlap": "allow",
    "misfire": {"policy": "all"},
}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    with RedisServer() as server:
        settings = read_settings(
            redis_url=server.url, data_dir=tmp_path, notify=(), leader_seconds=LEADER_SECONDS
        )
        installation = Installation(settings)
        assert installation.registry.register(TICKER)
        yield installation


@contextmanager
def two_beats(
    place: Installation, *, leader_seconds: int = LEADER_SECONDS
) -> Iterator[tuple[BeatProcess, BeatProcess]]:
    """A beat that leads and one that stands by."""
    lease = {"MISSION_CONTROL_LEADER_SECONDS": str(leader_seconds)}
    with leading_beat(place, lease) as leader, BeatProcess(place, lease) as standby:
        standby.wait_until_it_stands_by()
        yield leader, standby


def runs(place: Installation) -> list[RunRecord]:
    return place.ledger.runs_of("ticker", limit=1_000)[::-1]


def wait_for_a_run_after(place: Installation, count: int, timeout: float = 60.0) -> None:
    wait_until(lambda: len(runs(place)) > count, "another run is fired", timeout=timeout)


def assert_every_occurrence_was_fired_once(place: Installation) -> None:
    found = runs(place)
    times = [run.scheduled_time for run in found]
    every = [times[0] + at * timedelta(seconds=0.25) for at in range(len(times))]
    assert times == every
    ids = {run.execution_id for run in found}
    sent = wait_until(lambda: ids <= set(now := sent_ids(place.client)) and now, "all are on the queue")
    assert sent
    assert len(sent) == len(set(sent))


def test_standby_takes_over_from_a_killed_leader(place: Installation) -> None:
    with two_beats(place) as (leader, standby):
        leader.kill()
        count = len(runs(place))
        standby.wait_until_it_leads()
        wait_for_a_run_after(place, count)
        assert_every_occurrence_was_fired_once(place)


def test_leader_that_stops_cleanly_passes_the_lead_on_immediately(place: Installation) -> None:
    with two_beats(place, leader_seconds=LONG_LEASE_SECONDS) as (leader, standby):
        assert leader.stop() == 0
        standby.wait_until_it_leads()  # long before the lease would have run out
        wait_for_a_run_after(place, len(runs(place)))
        assert_every_occurrence_was_fired_once(place)


def test_lead_overwritten_by_another_program_is_regained(place: Installation) -> None:
    client, key = place.client, redis_keys.BEAT_LEADER

    def replace_by_a_list() -> None:
        with client.pipeline() as both:  # in one step: a beat may take the free lead between two
            both.delete(key)
            both.rpush(key, "intruder")
            both.execute()

    meddling: list[Callable[[], object]] = [
        lambda: client.delete(key),
        lambda: client.set(key, "intruder", px=500),
        lambda: client.set(key, "intruder"),
        lambda: client.set(key, "intruder", ex=3_600),
        replace_by_a_list,
    ]
    with two_beats(place) as beats:
        for meddle in meddling:
            count = len(runs(place))
            meddle()
            wait_until(lambda: client.type(key) in {"string", "none"}, "the key is repaired")
            wait_until(lambda: any(beat.leads for beat in beats), "one leads")
            wait_for_a_run_after(place, count)
        assert [beat.exit_code for beat in beats] == [None, None]
        assert_every_occurrence_was_fired_once(place)


def test_leader_paused_beyond_its_lease_changes_nothing_and_stands_by(place: Installation) -> None:
    with two_beats(place) as beats:
        for _ in range(2):
            leader = next(beat for beat in beats if beat.leads)
            other = next(beat for beat in beats if beat is not leader)
            leader.signal(signal.SIGSTOP)
            other.wait_until_it_leads()
            leader.signal(signal.SIGCONT)
            leader.wait_until_it_stands_by()
            wait_for_a_run_after(place, len(runs(place)))
        assert [beat.exit_code for beat in beats] == [None, None]
        assert_every_occurrence_was_fired_once(place)


def test_task_registered_while_beat_waits_fires_on_time(place: Installation) -> None:
    assert place.registry.unregister("ticker")
    with leading_beat(place):
        due = utc_now() + timedelta(seconds=1.5)
        at = format_instant(due)
        soon = {"id": "soon", "handler": HANDLER, "schedule": {"type": "once", "at": at}}
        assert place.registry.register(soon, catch_up=True)  # the moment may have passed on a busy machine
        run = wait_until(lambda: place.ledger.runs_of("soon"), "it fires")[0]
        assert run.scheduled_time == due
        assert run.dispatched_at >= due


def test_occurrence_at_a_fraction_of_a_second_fires_at_that_fraction(place: Installation) -> None:
    with leading_beat(place):
        wait_for_a_run_after(place, 0)
        count = len(runs(place))
        wait_for_a_run_after(place, count + 6)
    punctual = runs(place)[count + 1 :]
    assert {run.scheduled_time.microsecond for run in punctual} == {0, 250_000, 500_000, 750_000}
    assert all(timedelta(0) <= run.dispatched_at - run.scheduled_time for run in punctual)


def test_task_that_does_not_fire_is_not_loaded(place: Installation) -> None:
    assert place.registry.unregister("ticker")
    assert place.registry.register(
        {"id": "off", "handler": HANDLER, "schedule": {"type": "interval", "seconds": 1}, "enabled": False}
    )
    assert place.registry.register({"id": "far", "handler": HANDLER, "schedule": YEARLY})
    client: Any = place.client
    with leading_beat(place), client.monitor() as monitor:
        commands: list[str] = []
        while sum(one.startswith("EVALSHA") for one in commands) < 3:  # turns
            commands.append(monitor.next_command()["command"])
    # The script that loads entries reads their fields, `meta` among them.
    assert [one for one in commands if one.startswith("HMGET") and " meta " in one] == []
