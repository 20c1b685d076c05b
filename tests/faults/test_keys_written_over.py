"""Overwritten keys of the ledger: workers are not blocked, and runs continue after the repair."""

from __future__ import annotations

from celery import Celery

from mission_control.model.values.identifiers import plain_execution_id
from mission_control.store import redis_keys
from tests.processes.real_workers import WorkerHouse
from tests.processes.rude_workers import Swept, is_run
from tests.stage.audit_stream import records_of
from tests.stage.waiting import wait_until

GATED = "handlers.gated.run"


def test_run_that_cannot_begin_holds_no_slot_and_begins_after_the_key_is_repaired(house: WorkerHouse) -> None:
    key = redis_keys.history(GATED)
    house.installation.client.set(key, "written over")
    house.gate("one").touch()
    with house.worker() as worker:
        run = house.gated("one")
        wait_until(lambda: "WRONGTYPE" in worker.log, "the run is refused", timeout=10)
        house.succeeds(house.run(), timeout=10)
        house.installation.client.delete(key)
        assert Swept(house).ended(run).state == "success"


def test_run_that_cannot_end_holds_no_slot_and_ends_once_after_the_key_is_repaired(
    house: WorkerHouse,
) -> None:
    client = house.installation.client
    key = redis_keys.task_runs(GATED)
    with house.worker() as worker:
        run = house.gated("one")
        is_run(house, "one")
        client.delete(key)
        client.set(key, "written over")
        house.gate("one").touch()
        wait_until(lambda: "WRONGTYPE" in worker.log, "the ending is refused", timeout=10)
        house.succeeds(house.run(), timeout=10)
        client.delete(key)
        assert Swept(house).ended(run).state == "success"


def test_plain_message_whose_run_cannot_be_stored_is_rejected(house: WorkerHouse) -> None:
    client = house.installation.client
    client.set(redis_keys.task_runs("handlers.hello.run"), "written over")
    with house.worker(), Celery("bare", broker=house.server.url, set_as_current=False) as bare:
        sent = bare.send_task("handlers.hello.run", queue="default")
        (record,) = wait_until(lambda: records_of(house.installation, "handlers.hello.run"), "it is recorded")
    assert (record["status"], record["execution_id"]) == ("rejected", plain_execution_id(sent.id))
    assert "WRONGTYPE" in record["reason"]
    assert house.installation.ledger.get(plain_execution_id(sent.id)) is None
