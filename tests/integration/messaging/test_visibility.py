"""A live worker keeps its messages; those of a dead one soon run elsewhere."""

from __future__ import annotations

import signal

import pytest

from tests.processes.real_workers import VISIBILITY_SECONDS, WorkerHouse
from tests.stage.waiting import wait_until

pytestmark = pytest.mark.starts_early(50)

RECOVERED_WITHIN = VISIBILITY_SECONDS + 15


def server_time(house: WorkerHouse) -> float:
    with house.server.client() as client:
        seconds, micros = client.time()
        return float(seconds) + float(micros) / 1e6


def scores(house: WorkerHouse) -> dict[str, float]:
    with house.server.client() as client:
        return dict(client.zrange("unacked_index", 0, -1, withscores=True))


def test_messages_of_a_live_worker_outlast_the_visibility_timeout(house: WorkerHouse) -> None:
    """Running, prefetched and waiting for a countdown; another worker looks for prey all the time."""
    with house.worker("holder"):
        waiting, running = house.run(delay=2 * VISIBILITY_SECONDS), house.gated("long")
        wait_until(lambda: house.runs_of("long") == 1 and len(scores(house)) == 2, "both are held")
        taken = set(scores(house))
        began = server_time(house)
        with house.worker("hungry"):
            wait_until(
                lambda: set(scores(house)) >= taken and server_time(house) > began + 1.5 * VISIBILITY_SECONDS,
                "the visibility timeout is over",
                timeout=15,
            )
            assert min(scores(house).values()) > server_time(house) - VISIBILITY_SECONDS
            assert house.runs_of("long") == 1
            house.gate("long").touch()
            house.succeeds(running)
            house.succeeds(waiting)
            wait_until(house.is_drained, "both are acknowledged")
    assert house.runs_of("long") == 1


def test_solo_worker_renews_its_message_while_its_handler_blocks_it(house: WorkerHouse) -> None:
    with house.worker("holder", pool="solo"):
        running = house.gated("long")
        wait_until(lambda: house.runs_of("long") == 1, "the handler runs")
        began = server_time(house)
        with house.worker("hungry", pool="solo"):
            wait_until(
                lambda: server_time(house) > began + 1.5 * VISIBILITY_SECONDS,
                "the visibility timeout is over",
                timeout=15,
            )
            house.succeeds(house.run())
            house.gate("long").touch()
            house.succeeds(running)
            wait_until(house.is_drained, "both are acknowledged")
    assert house.runs_of("long") == 1


def test_runs_of_a_killed_worker_soon_run_elsewhere(house: WorkerHouse) -> None:
    """Whichever of two workers has more of them is killed."""
    with house.worker("victim", concurrency=2) as one, house.worker("heir", concurrency=2) as two:
        victim, heir = one, two
        runs = [house.gated("one"), house.gated("two", priority=9)]
        wait_until(lambda: house.runs_of("one") + house.runs_of("two") == 2, "both run")
        ran_by = [record.worker for record in (run.record for run in runs) if record is not None]
        if ran_by.count(heir.name) > ran_by.count(victim.name):
            victim, heir = heir, victim
        victim.kill()
        house.gate("one").touch()
        house.gate("two").touch()
        for run in runs:
            house.succeeds(run, timeout=RECOVERED_WITHIN)
        wait_until(house.is_drained, "every message is acknowledged")
        assert heir.exit_code is None


def test_worker_paused_beyond_its_lease_does_not_disturb_its_successor(house: WorkerHouse) -> None:
    with house.worker("sleeper", pool="solo") as sleeper:
        run = house.gated("paused")
        wait_until(lambda: house.runs_of("paused") == 1, "the handler runs")
        sleeper.send(signal.SIGSTOP)
        with house.worker("heir", pool="solo"):
            wait_until(
                lambda: house.runs_of("paused") == 2, "another worker runs it", timeout=RECOVERED_WITHIN
            )
            held = set(scores(house))
            sleeper.send(signal.SIGCONT)
            wait_until(lambda: "lease_lost" in sleeper.log, "the sleeper logs it")
            wait_until(lambda: f"[{run.execution_id}] ignored" in sleeper.log, "it leaves its message alone")
            assert set(scores(house)) == held
            house.gate("paused").touch()
            house.succeeds(run)
            wait_until(house.is_drained, "every message is acknowledged")


def test_wrong_clock_of_a_host_makes_no_message_visible(house: WorkerHouse) -> None:
    """`unacked_index` is scored by the server's clock, so one that is two hours ahead steals nothing."""
    with house.worker("holder", pool="solo"):
        run = house.gated("long")
        wait_until(lambda: house.runs_of("long") == 1, "the handler runs")
        (score,) = scores(house).values()
        assert abs(score - server_time(house)) < VISIBILITY_SECONDS
        house.gate("long").touch()
        house.succeeds(run)


def test_stopped_worker_gives_its_messages_back_at_once(house: WorkerHouse) -> None:
    with house.worker("first") as first:
        held, running = house.run(delay=2), house.gated("cut short")
        wait_until(lambda: house.runs_of("cut short") == 1 and len(scores(house)) == 2, "both are held")
        first.stop()
    assert house.is_drained()
    house.gate("cut short").touch()
    with house.worker("second"):
        house.succeeds(held)
        house.succeeds(running)
