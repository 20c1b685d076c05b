"""What befalls a run's message, or the order to stop it, and what is promised all the same."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.dispatch.run_control import RunControl
from mission_control.messaging.message import RUN_HEADER
from mission_control.model.values.identifiers import plain_execution_id
from tests.processes.rude_workers import Swept, children, is_run, lives, rude_house
from tests.stage.audit_stream import records_of
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mission_control.dispatch.run_handle import Run
    from tests.processes.real_workers import WorkerHouse

pytestmark = pytest.mark.starts_early(65)


@pytest.fixture
def house() -> Iterator[WorkerHouse]:
    with rude_house() as house:
        yield house


def test_message_lost_between_pop_and_unacked_is_sent_again(house: WorkerHouse) -> None:
    runs = [house.run() for _ in range(3)]
    with house.server.client() as client:
        assert client.rpop("default") is not None
    with house.worker():
        swept = Swept(house)
        assert [swept.ended(run).state for run in runs] == ["success"] * 3


def test_run_with_a_corrupt_message_is_sent_a_good_one(house: WorkerHouse) -> None:
    run = house.run()
    with house.server.client() as client:
        message = json.loads(str(client.rpop("default")))
        message["headers"]["retries"] = "abc"
        client.lpush("default", json.dumps(message))
    with house.worker():
        wait_until(lambda: statuses(house, run) == ["rejected"], "it is set aside")
        assert run.state == "dispatched"
        swept = Swept(house, ahead=timedelta(seconds=20))
        wait_until(lambda: swept.sweep.turn() or run.result is not None, "the sweep takes it up")
        wait_until(lambda: statuses(house, run) == ["rejected", "success"], "it has run")


def statuses(house: WorkerHouse, run: Run) -> list[str]:
    return [one["status"] for one in records_with(house, run.execution_id)]


def test_message_for_the_run_of_another_handler_is_refused_and_recorded(house: WorkerHouse) -> None:
    with house.worker():
        run = house.run("handlers.hello.run", delay=30)
        house.installation.celery.send_task(
            "handlers.flaky.run",
            task_id=run.execution_id,
            kwargs={"task_id": "forged"},
            queue="default",
            headers={RUN_HEADER: True},
        )
        (rejected,) = wait_until(
            lambda: records_of(house.installation, "handlers.flaky.run"), "it is refused"
        )
        assert (rejected["status"], rejected["execution_id"]) == ("rejected", run.execution_id)
        assert "belongs to handlers.hello.run" in rejected["reason"]
        assert run.state == "dispatched"


def test_forged_arguments_of_a_message_change_nothing(house: WorkerHouse) -> None:
    with house.worker():
        run = house.run("handlers.hello.run", {"name": "Ada"}, queue="unserved")
        forged = {"task_id": "another", "execution_id": "another@1", "params": {"name": "Mallory"}}
        house.installation.celery.send_task(
            "handlers.hello.run",
            task_id=run.execution_id,
            kwargs=forged,
            queue="default",
            headers={RUN_HEADER: True},
        )
        record = Swept(house).ended(run)
    assert (record.output, record.task_id) == ("Hello, Ada!", "handlers.hello.run")


def test_revoke_heard_by_a_killed_worker_still_holds(house: WorkerHouse) -> None:
    celery, waiting = house.installation.celery, house.run(queue="later")
    with house.worker() as worker:
        ids = ["of a plain client", waiting.execution_id]
        wait_until(
            lambda: celery.control.revoke(ids, reply=True, limit=1, timeout=5), "a worker has heard it"
        )
        assert waiting.state == "cancelled"
        worker.kill()
    celery.send_task("handlers.hello.run", task_id="of a plain client", queue="default")
    with house.worker("second"):
        own_id = plain_execution_id("of a plain client")
        (record,) = wait_until(lambda: records_with(house, own_id), "it is recorded")
    assert (record["status"], record["reason"], record["attempt"]) == ("cancelled", "revoked", None)


def records_with(house: WorkerHouse, execution_id: str) -> list[dict[str, Any]]:
    found = records_of(house.installation, "handlers.hello.run")
    return [one for one in found if one["execution_id"] == execution_id]


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_cancelled_running_run_is_recorded_once(house: WorkerHouse, pool: str) -> None:
    with house.worker(pool=pool):
        run = house.gated("work")
        is_run(house, "work")
        assert RunControl.of(house.installation).cancel(run.execution_id, reason="never mind") == "asked"
        record = Swept(house).ended(run)
    assert (record.state, record.reason) == ("cancelled", "never mind")
    assert house.runs_of("work") == 1


def test_handler_that_ignores_cancellation_is_killed(house: WorkerHouse) -> None:
    with house.worker() as worker:
        run = house.run("handlers.rude.deaf")
        wait_until(lambda: run.state == "running", "it runs")
        RunControl.of(house.installation).cancel(run.execution_id, reason="never mind")
        record = Swept(house).ended(run, timeout=30)
        assert record.state == "cancelled"
        assert Swept(house).ended(house.run()).state == "success"
        assert worker.exit_code is None


def test_cancelled_run_is_not_begun_by_a_later_worker(house: WorkerHouse) -> None:
    run = house.gated("work")
    assert RunControl.of(house.installation).cancel(run.execution_id, reason="never mind") == "cancelled"
    with house.worker():
        assert Swept(house).ended(house.run()).state == "success"
    assert (run.state, house.runs_of("work")) == ("cancelled", 0)


def test_handler_is_stopped_in_time_while_redis_is_frozen(house: WorkerHouse) -> None:
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
            wait_until(lambda: not lives(child), "the handler's process is killed", timeout=30)
        finally:
            house.server.resume()
        record = Swept(house).ended(run, timeout=30)
        assert (record.state, record.attempt) == ("timed_out", 1)
        assert Swept(house).ended(house.run(), timeout=30).state == "success"


def test_run_costs_at_most_three_scripts(house: WorkerHouse) -> None:
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
