"""What breaks under a run, in a worker or on its way to one, and what is promised all the same.

Workers are real processes; the sweep that beat would make is made by the test itself, as often as it looks.
"""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from mission_control import redis_keys
from mission_control.ledger import MOST_DELIVERIES
from mission_control.run_control import cancel_run
from mission_control.sweep import Sweep
from tests.audit_stream import records_of
from tests.real_workers import VISIBILITY_SECONDS, WorkerHouse, worker_house
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mission_control.ledger import RunRecord
    from mission_control.messaging.run_handle import Run
    from tests.real_workers import WorkerProcess

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
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                time.sleep(0.05)
            except BaseException:
                pass


    def greedy(context):
        """Keep Python's lock for longer than a lease."""
        with Path(context["params"]["log"]).open("a") as log:
            log.write("run\\n")
        ctypes.PyDLL(None).sleep(context["params"]["seconds"])
        return {"status": "success", "output": "awake", "error": None}
'''


@pytest.fixture
def house() -> Iterator[WorkerHouse]:
    with worker_house() as house:
        (house.folder / "handlers" / "rude.py").write_text("\n".join(line[4:] for line in RUDE.splitlines()))
        yield house


class Swept:
    """Waiting while the sweep goes on."""

    def __init__(self, house: WorkerHouse) -> None:
        self._house = house
        self._sweep = Sweep(house.installation.celery, house.installation)

    def ended(self, run: Run, *, timeout: float = RECOVERED_WITHIN) -> RunRecord:
        """Return a run when it is over, having seen that it has one final record."""

        def is_over() -> bool:
            self._sweep.turn()
            return run.result is not None

        wait_until(is_over, f"{run.execution_id} is over", timeout=timeout)
        record = run.record
        assert record is not None
        wait_until(lambda: self.final_records(record), "its record is written")
        assert len(self.final_records(record)) == 1
        return record

    def final_records(self, run: RunRecord) -> list[dict[str, Any]]:
        found = records_of(self._house.installation, run.task_id)
        return [one for one in found if one["final"] and one["execution_id"] == run.execution_id]


def is_run(house: WorkerHouse, name: str, times: int = 1) -> None:
    wait_until(lambda: house.runs_of(name) >= times, f"{name} is run for time {times}", timeout=20)


def children(worker: WorkerProcess) -> list[psutil.Process]:
    return list(psutil.Process(worker._process.pid).children(recursive=True))


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_a_killed_workers_run_is_soon_run_elsewhere(house: WorkerHouse, pool: str) -> None:
    with house.worker("first", pool=pool) as first:
        run = house.gated("work")
        is_run(house, "work")
        first.kill()
    house.gate("work").touch()
    with house.worker("second", pool=pool):
        record = Swept(house).ended(run)
    assert (record.state, record.worker, record.deliveries) == ("success", "second@test", 2)


def test_when_only_the_parent_is_killed_its_child_gives_the_run_up(house: WorkerHouse) -> None:
    with house.worker("first") as first, house.worker("second") as second:
        run = house.gated("work")
        is_run(house, "work")
        record = run.record
        assert record is not None
        holder, other = (first, second) if record.worker == first.name else (second, first)
        orphans = children(holder)
        os.kill(holder._process.pid, signal.SIGKILL)
        wait_until(lambda: not any(_lives(one) for one in orphans), "no child goes on", timeout=10)
        house.gate("work").touch()
        assert Swept(house).ended(run).worker == other.name


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_a_killed_child_costs_an_attempt_and_not_the_worker(house: WorkerHouse) -> None:
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


def test_a_worker_that_is_asked_to_stop_gives_its_run_back_at_once(house: WorkerHouse) -> None:
    with house.worker("first") as first:
        run = house.gated("work")
        is_run(house, "work")
        assert first.stop() == 0
    house.gate("work").touch()
    with house.worker("second"):
        record = Swept(house).ended(run)
    assert (record.state, record.worker) == ("success", "second@test")


def test_sigterm_lets_a_running_handler_finish(house: WorkerHouse) -> None:
    with house.worker("first") as first:
        run = house.gated("work")
        is_run(house, "work")
        first._process.terminate()
        wait_until(lambda: "Warm shutdown" in first.log, "the worker has heard it")
        house.gate("work").touch()
        assert first._process.wait(timeout=20) == 0
    record = Swept(house).ended(run)
    assert (record.state, house.runs_of("work")) == ("success", 1)


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_worker_paused_beyond_its_lease_cannot_record_over_its_successor(
    house: WorkerHouse, pool: str
) -> None:
    with house.worker("first", pool=pool) as first:
        run = house.gated("work")
        is_run(house, "work")
        first.send(signal.SIGSTOP)
        with house.worker("second", pool=pool) as second:
            swept = Swept(house)

            def is_taken_over() -> bool:
                swept._sweep.turn()
                return house.runs_of("work") == 2

            wait_until(is_taken_over, "the second worker has taken over", timeout=RECOVERED_WITHIN)
            first.send(signal.SIGCONT)
            wait_until(lambda: "lease lost" in first.log, "the first is told", timeout=20)
            assert run.state == "running"
            house.gate("work").touch()
            record = swept.ended(run)
            assert (record.worker, record.fence, record.state) == (second.name, 2, "success")
            assert house.runs_of("work") == 2


@pytest.mark.parametrize("way", ["os._exit", "sys.exit", "SIGKILL", "SIGTERM", "MemoryError", "segfault"])
def test_a_handler_that_ends_its_process_neither_ends_the_worker_nor_delays_others(
    house: WorkerHouse, way: str
) -> None:
    with house.worker(concurrency=2) as worker:
        poison = house.run("handlers.rude.die", {"way": way})
        others = [house.run() for _ in range(5)]
        swept = Swept(house)
        assert [swept.ended(one).state for one in others] == ["success"] * 5
        assert swept.ended(poison).state in {"lost", "failure"}
        assert worker.exit_code is None


def test_a_run_that_takes_every_worker_with_it_ends_lost(house: WorkerHouse) -> None:
    log = house.folder / "deaths"
    poison = house.run("handlers.rude.kill_worker", {"log": str(log)})
    swept = Swept(house)
    for number in range(MOST_DELIVERIES):
        with house.worker(f"victim{number}") as victim:

            def is_dead(victim: WorkerProcess = victim) -> bool:
                swept._sweep.turn()
                return victim.exit_code is not None

            wait_until(is_dead, "it has taken a worker with it", timeout=RECOVERED_WITHIN)
        house.installation.client.hset(redis_keys.run(poison.execution_id), "lease_until", 0)
        house.installation.client.zadd(redis_keys.LEASES, {poison.execution_id: 0})
    record = swept.ended(poison)
    assert (record.state, record.reason) == ("lost", "poisoned")
    assert log.read_text() == "run\n" * MOST_DELIVERIES
    with house.worker("survivor"):
        assert swept.ended(house.run()).state == "success"


def test_a_handler_that_keeps_pythons_lock_beyond_its_lease_is_run_once(house: WorkerHouse) -> None:
    log = house.folder / "naps"
    params = {"log": str(log), "seconds": VISIBILITY_SECONDS + 4}
    with house.worker("first"), house.worker("second"):
        record = Swept(house).ended(house.run("handlers.rude.greedy", params), timeout=30)
    assert (record.state, record.deliveries) == ("success", 1)
    assert log.read_text() == "run\n"


def test_messages_lost_between_pop_and_unacked_are_sent_again(house: WorkerHouse) -> None:
    runs = [house.run() for _ in range(3)]
    with house.server.client() as client:
        assert client.rpop("default") is not None
    with house.worker():
        swept = Swept(house)
        assert [swept.ended(run).state for run in runs] == ["success"] * 3


def test_a_message_for_another_handlers_run_is_refused_and_recorded(house: WorkerHouse) -> None:
    with house.worker():
        run = house.run("handlers.hello.run", delay=30)
        house.installation.celery.send_task(
            "handlers.flaky.run", task_id=run.execution_id, kwargs={"task_id": "forged"}, queue="default"
        )
        (rejected,) = wait_until(
            lambda: records_of(house.installation, "handlers.flaky.run"), "it is refused"
        )
        assert (rejected["status"], rejected["execution_id"]) == ("rejected", run.execution_id)
        assert "is handlers.hello.run's" in rejected["reason"]
        assert run.state == "dispatched"


def test_forged_arguments_of_a_message_change_nothing(house: WorkerHouse) -> None:
    with house.worker():
        run = house.run("handlers.hello.run", {"name": "Ada"}, queue="unserved")
        forged = {"task_id": "another", "execution_id": "another@1", "params": {"name": "Mallory"}}
        house.installation.celery.send_task(
            "handlers.hello.run", task_id=run.execution_id, kwargs=forged, queue="default"
        )
        record = Swept(house).ended(run)
    assert (record.output, record.task_id) == ("Hello, Ada!", "handlers.hello.run")


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_running_run_is_cancelled_and_recorded_once(house: WorkerHouse, pool: str) -> None:
    with house.worker(pool=pool):
        run = house.gated("work")
        is_run(house, "work")
        assert cancel_run(house.installation, run.execution_id, reason="never mind") == "asked"
        record = Swept(house).ended(run)
    assert (record.state, record.reason) == ("cancelled", "never mind")
    assert house.runs_of("work") == 1


def test_a_handler_that_does_not_listen_is_killed_when_its_run_is_cancelled(house: WorkerHouse) -> None:
    with house.worker() as worker:
        run = house.run("handlers.rude.deaf")
        wait_until(lambda: run.state == "running", "it runs")
        cancel_run(house.installation, run.execution_id, reason="never mind")
        record = Swept(house).ended(run, timeout=30)
        assert record.state == "cancelled"
        assert Swept(house).ended(house.run()).state == "success"
        assert worker.exit_code is None


def test_a_cancelled_run_is_not_begun_by_a_worker_that_is_started_later(house: WorkerHouse) -> None:
    run = house.gated("work")
    assert cancel_run(house.installation, run.execution_id, reason="never mind") == "cancelled"
    with house.worker():
        assert Swept(house).ended(house.run()).state == "success"
    assert (run.state, house.runs_of("work")) == ("cancelled", 0)


def test_a_handler_is_stopped_in_time_while_redis_is_frozen(house: WorkerHouse) -> None:
    task = {
        "id": "endless",
        "handler": "handlers.rude.deaf",
        "schedule": {"type": "once", "at": "2999-01-01T00:00:00Z"},
        "timeout_seconds": 1,
        "retry_policy": {"max_retries": 0},
    }
    house.installation.registry.register(task)
    with house.worker() as worker:
        run = house.run("endless")
        wait_until(lambda: run.state == "running", "it runs")
        (child,) = children(worker)
        house.server.pause()
        try:
            wait_until(lambda: not _lives(child), "the handler's process is killed", timeout=30)
        finally:
            house.server.resume()
        record = Swept(house).ended(run, timeout=30)
        assert (record.state, record.attempt) == ("timed_out", 1)
        assert Swept(house).ended(house.run(), timeout=30).state == "success"


def test_a_claim_and_an_end_are_all_that_a_run_costs_besides_what_celery_does(house: WorkerHouse) -> None:
    with house.worker():
        swept = Swept(house)
        swept.ended(house.run())
        runs = [house.run(queue="later") for _ in range(50)]
        with house.server.client() as client:
            client.config_resetstat()
            while client.lmove("later", "default", "LEFT", "RIGHT") is not None:
                pass
            wait_until(lambda: all(run.result is not None for run in runs), "they are over", timeout=30)
            stats: Any = client.info("commandstats")
    calls = {name.removeprefix("cmdstat_"): one["calls"] for name, one in stats.items()}
    # Taking, claiming and ending are a script each; the record is said to be written once a second.
    assert calls["evalsha"] <= 3 * len(runs) + 40, json.dumps(calls)
