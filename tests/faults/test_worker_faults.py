"""What breaks under a run, and what is promised all the same.

Workers are real processes; the sweep that beat would make is made by the test itself, as often as it looks.
This file has more than 250 lines because each way in which a worker can end is one test of it.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from mission_control.model.runs.run_state import MOST_DELIVERIES
from mission_control.store import redis_keys
from tests.processes.real_workers import READY_SECONDS, VISIBILITY_SECONDS, WorkerHouse
from tests.processes.rude_workers import RECOVERED_WITHIN, Swept, children, is_run, lives, rude_house
from tests.stage.audit_stream import records_of, verified_runs
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.processes.real_workers import WorkerProcess

pytestmark = pytest.mark.starts_early(110)


@pytest.fixture
def house() -> Iterator[WorkerHouse]:
    with rude_house() as house:
        yield house


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_killed_worker_run_restarts_elsewhere(house: WorkerHouse, pool: str) -> None:
    with house.worker("first", pool=pool) as first:
        run = house.gated("work")
        is_run(house, "work")
        first.kill()
    house.gate("work").touch()
    with house.worker("second", pool=pool):
        record = Swept(house).ended(run)
    assert (record.state, record.worker, record.deliveries) == ("success", "second@test", 2)
    records = records_of(house.installation, record.task_id)
    assert [(one["status"], one["worker"], one["attempt"], one["final"]) for one in records] == [
        ("worker_lost", "first@test", 1, False),
        ("success", "second@test", 1, True),
    ]
    assert verified_runs(house.installation).is_sound


def test_child_of_a_killed_parent_gives_the_run_up(house: WorkerHouse) -> None:
    with house.worker("first") as first, house.worker("second") as second:
        run = house.gated("work")
        is_run(house, "work")
        record = run.record
        assert record is not None
        holder, other = (first, second) if record.worker == first.name else (second, first)
        orphans = children(holder)
        os.kill(holder._process.pid, signal.SIGKILL)
        wait_until(lambda: not any(lives(one) for one in orphans), "no child goes on", timeout=10)
        house.gate("work").touch()
        assert Swept(house).ended(run).worker == other.name


def test_killed_child_costs_an_attempt_and_not_the_worker(house: WorkerHouse) -> None:
    policy = {"max_retries": 1, "retry_delay_seconds": 0}
    house.installation.registry.register(
        {
            "id": "work",
            "handler": "handlers.gated.run",
            "schedule": {"type": "once", "at": "2999-01-01T00:00:00Z"},
            "params": {"gate": str(house.gate("work"))},
            "retry_policy": policy,
        }
    )
    with house.worker() as worker:
        run = house.run("work")
        is_run(house, "work")
        children(worker)[0].kill()
        is_run(house, "work", times=2)
        house.gate("work").touch()
        record = Swept(house).ended(run)
        assert (record.state, record.attempt, worker.exit_code) == ("success", 2, None)
    (lost,) = [one for one in records_of(house.installation, "work") if not one["final"]]
    assert (lost["status"], lost["reason"]) == ("retry", "lost")


def test_run_terminated_in_a_pool_that_cannot_kill_is_cancelled(house: WorkerHouse) -> None:
    with house.worker(pool="threads") as worker:
        run = house.gated("work")
        is_run(house, "work")
        house.installation.celery.control.revoke(run.execution_id, terminate=True)
        record = Swept(house).ended(run)
        assert (record.state, record.reason, worker.exit_code) == ("cancelled", "revoked", None)


def test_running_handler_finishes_after_sigterm(house: WorkerHouse) -> None:
    with house.worker("first") as first:
        run = house.gated("work")
        is_run(house, "work")
        first._process.terminate()
        wait_until(lambda: "Warm shutdown" in first.log, "the worker has heard it")
        house.gate("work").touch()
        assert first._process.wait(timeout=60) == 0
    record = Swept(house).ended(run)
    assert (record.state, house.runs_of("work")) == ("success", 1)


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_worker_paused_beyond_its_lease_cannot_overwrite_its_successor(house: WorkerHouse, pool: str) -> None:
    with house.worker("first", pool=pool) as first:
        run = house.gated("work")
        is_run(house, "work")
        first.send(signal.SIGSTOP)
        with house.worker("second", pool=pool) as second:
            swept = Swept(house)

            def is_taken_over() -> bool:
                swept.sweep.turn()
                return house.runs_of("work") == 2

            wait_until(is_taken_over, "the second worker has taken over", timeout=RECOVERED_WITHIN)
            first.send(signal.SIGCONT)
            wait_until(lambda: "lease_lost" in first.log, "the first one learns of it", timeout=20)
            assert run.state == "running"
            house.gate("work").touch()
            record = swept.ended(run)
            assert (record.worker, record.fence, record.state) == (second.name, 2, "success")
            assert house.runs_of("work") == 2


def test_worker_whose_attempt_was_taken_over_does_not_end_its_successor(house: WorkerHouse) -> None:
    house.installation.registry.register(
        {
            "id": "work",
            "handler": "handlers.rude.deaf",
            "schedule": {"type": "once", "at": "2999-01-01T00:00:00Z"},
            "retry_policy": {"max_retries": 2, "retry_delay_seconds": 0},
        }
    )
    with house.worker("first") as first:
        run = house.run("work")
        wait_until(lambda: run.state == "running", "it runs", timeout=20)
        first.send(signal.SIGSTOP)
        with house.worker("second") as second:
            swept = Swept(house)

            def is_taken_over() -> bool:
                swept.sweep.turn()
                return run.record is not None and run.record.worker == second.name

            wait_until(is_taken_over, "the second worker has taken over", timeout=RECOVERED_WITHIN)
            first.send(signal.SIGCONT)
            wait_until(lambda: "lease_lost" in first.log, "the first one learns of it", timeout=20)
            children(first)[0].kill()
            wait_until(lambda: "loss_ignored" in first.log, "its parent ignores the loss", timeout=20)
            record = run.record
            assert record is not None
            assert (record.state, record.worker, record.attempt) == ("running", second.name, 1)
    lost = [one for one in records_of(house.installation, "work") if one["status"] != "worker_lost"]
    assert lost == []


def test_handler_that_exits_its_process_neither_stops_the_worker_nor_delays_others(
    house: WorkerHouse,
) -> None:
    ways = ["os._exit", "sys.exit", "SIGKILL", "SIGTERM", "MemoryError", "segfault"]
    with house.worker(concurrency=2) as worker:
        poison = [house.run("handlers.rude.die", {"way": way}) for way in ways]
        others = [house.run() for _ in range(5)]
        swept = Swept(house)
        assert [swept.ended(one, timeout=40).state for one in others] == ["success"] * 5
        states = {way: swept.ended(one).state for way, one in zip(ways, poison, strict=True)}
        assert {way for way, state in states.items() if state == "failure"} == {"sys.exit", "MemoryError"}
        assert set(states.values()) == {"failure", "lost"}
        assert worker.exit_code is None


def test_handler_out_of_memory_fails_without_stopping_the_worker(house: WorkerHouse) -> None:
    with house.worker(pool="prefork") as worker:
        (child,) = children(worker)
        limit = child.memory_info().vms + 300_000_000
        child.rlimit(psutil.RLIMIT_AS, (limit, limit))
        swept = Swept(house)
        record = swept.ended(house.run("handlers.rude.hungry"))
        assert (record.state, record.error) == ("failure", "MemoryError")
        assert swept.ended(house.run()).state == "success"
        assert (worker.exit_code, children(worker)) == (None, [child])


def test_run_that_kills_every_worker_ends_lost(house: WorkerHouse) -> None:
    log = house.folder / "deaths"
    poison = house.run("handlers.rude.kill_worker", {"log": str(log)})
    swept = Swept(house)
    for number in range(MOST_DELIVERIES):
        victim = house.worker(f"victim{number}")  # it may end before it counts as ready

        def is_dead(victim: WorkerProcess = victim) -> bool:
            swept.sweep.turn()
            return victim.exit_code is not None

        try:
            wait_until(is_dead, "it has taken a worker with it", timeout=READY_SECONDS + RECOVERED_WITHIN)
        finally:
            victim.kill()
        house.installation.client.hset(redis_keys.run(poison.execution_id), "lease_until", 0)
        house.installation.client.zadd(redis_keys.LEASES, {poison.execution_id: 0})
    record = swept.ended(poison)
    assert (record.state, record.reason) == ("lost", "poisoned")
    assert log.read_text() == "run\n" * MOST_DELIVERIES
    with house.worker("survivor"):
        assert swept.ended(house.run()).state == "success"


def test_handler_that_holds_the_gil_beyond_its_lease_runs_once(house: WorkerHouse) -> None:
    log = house.folder / "naps"
    params = {"log": str(log), "seconds": VISIBILITY_SECONDS + 4}
    with house.worker("first"), house.worker("second"):
        record = Swept(house).ended(house.run("handlers.rude.greedy", params), timeout=30)
    assert (record.state, record.deliveries) == ("success", 1)
    assert log.read_text() == "run\n"
