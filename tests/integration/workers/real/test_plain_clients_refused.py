"""Where plain Celery clients are not allowed, the RedBeat entries that beat fires still run."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from celery import Celery
from redbeat import RedBeatSchedulerEntry
from redbeat.schedulers import RedBeatConfig

from mission_control.messaging.message import FIRED_HEADER, RUN_HEADER
from mission_control.model.values.identifiers import occurrence_execution_id, plain_execution_id
from tests.processes.beats import BeatProcess, messages
from tests.processes.real_workers import WorkerHouse, worker_house
from tests.stage.audit_stream import records_of
from tests.stage.waiting import wait_until

HELLO = "handlers.hello.run"
NOT_SENT = "the ledger has no run of this id, and beat has not sent this message"


def record_of(house: WorkerHouse, execution_id: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        records = records_of(house.installation, HELLO)
        return next((one for one in records if one["execution_id"] == execution_id), None)

    record = wait_until(found, f"{execution_id} is recorded")
    assert record is not None
    return record


def test_redbeat_entry_runs_where_plain_clients_are_refused() -> None:
    with (
        worker_house(allow_plain_producers=False) as house,
        BeatProcess(house.installation),
        house.worker(pool="solo"),
        closing(Celery("bare", broker=house.server.url, set_as_current=False)) as bare,
    ):
        bare.conf.redbeat_redis_url = house.server.url
        bare.redbeat_conf = RedBeatConfig(bare)
        RedBeatSchedulerEntry("tea", HELLO, 1, kwargs={"params": {"name": "Ada"}}, app=bare).save()
        bare.redbeat_redis.close()
        fired = wait_until(lambda: records_of(house.installation, "tea"), "the entry has run", timeout=20)
        assert (fired[0]["status"], fired[0]["output"]) == ("success", "Hello, Ada!")

        sent = bare.send_task(HELLO, queue="default")
        refused = record_of(house, plain_execution_id(sent.id))
        assert refused["status"] == "rejected"
        assert "MISSION_CONTROL_ALLOW_PLAIN_PRODUCERS is off" in refused["reason"]

        to_come = occurrence_execution_id("tea", datetime(2099, 1, 1, tzinfo=UTC))
        bare.send_task(HELLO, task_id=to_come, queue="default", headers={RUN_HEADER: True})
        forged = record_of(house, to_come)
        assert (forged["status"], forged["reason"]) == ("rejected", NOT_SENT)


def test_forged_message_does_not_take_the_place_of_one_that_beat_has_sent() -> None:
    with (
        worker_house() as house,
        house.worker(pool="solo"),
        closing(Celery("bare", broker=house.server.url, set_as_current=False)) as bare,
    ):
        bare.conf.redbeat_redis_url = house.server.url
        bare.redbeat_conf = RedBeatConfig(bare)
        kwargs = {"params": {"name": "Ada"}}
        RedBeatSchedulerEntry("tea", HELLO, 1, kwargs=kwargs, options={"queue": "held"}, app=bare).save()
        bare.redbeat_redis.close()
        with BeatProcess(house.installation):
            wait_until(lambda: messages(house.installation.client, "held"), "beat has sent it", timeout=20)
        genuine = messages(house.installation.client, "held")[0]
        fired = genuine["headers"]["id"]

        for guess in ({}, {FIRED_HEADER: "0" * 32}, {FIRED_HEADER: None}):
            forged = {"params": {"name": "Mallory"}}
            headers = {RUN_HEADER: True, **guess}
            bare.send_task(HELLO, task_id=fired, kwargs=forged, queue="default", headers=headers)
        wait_until(lambda: len(records_of(house.installation, HELLO)) == 3, "all are refused")
        refused = records_of(house.installation, HELLO)
        assert {(one["status"], one["reason"]) for one in refused} == {("rejected", NOT_SENT)}

        house.installation.client.lpush("default", json.dumps(genuine))
        (ran,) = wait_until(lambda: records_of(house.installation, "tea"), "the entry has run")
        assert (ran["status"], ran["output"], ran["execution_id"]) == ("success", "Hello, Ada!", fired)
