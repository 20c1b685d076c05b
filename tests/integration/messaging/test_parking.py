"""Messages that are not due for long wait in Redis, where they can be seen, and not in a worker's memory."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import msgpack
import pytest
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from mission_control.dispatch.run_control import RunControl
from mission_control.model.values.identifiers import plain_execution_id
from mission_control.store import redis_keys
from tests.processes.beats import BeatProcess
from tests.processes.real_workers import WorkerHouse
from tests.stage.audit_stream import records_of
from tests.stage.live_installation import YEARLY
from tests.stage.waiting import wait_until

DAY = timedelta(days=1)


def parked(house: WorkerHouse) -> dict[str, datetime]:
    with house.server.client() as client:
        found = client.zrange(redis_keys.PARKED, 0, -1, withscores=True)
    return {name: datetime.fromtimestamp(at, UTC) for name, at in found}


def payload(house: WorkerHouse, execution_id: str) -> tuple[str, dict[str, Any]]:
    """Return the list that a parked message goes to, and the message."""
    with closing(redis.Redis.from_url(house.server.url)) as client:
        packed: Any = client.hget(redis_keys.PARKED_PAYLOADS, execution_id)
    assert packed is not None
    queue, text = msgpack.unpackb(packed)
    return queue, json.loads(text)


def waiting(house: WorkerHouse, queue: str = "default") -> int:
    with house.server.client() as client:
        return int(client.llen(queue))


def test_run_due_tomorrow_is_parked_and_run_due_soon_is_not(house: WorkerHouse) -> None:
    tomorrow = datetime.now(UTC) + DAY
    late, soon = house.run(at=tomorrow, priority=9), house.run(delay=30)
    assert parked(house) == {late.execution_id: tomorrow}
    assert waiting(house) == 1
    queue, message = payload(house, late.execution_id)
    assert queue == "default\x06\x169"
    assert (message["headers"]["id"], message["headers"]["eta"]) == (late.execution_id, None)
    assert soon.execution_id not in parked(house)


def test_later_retry_is_parked_in_place_of_the_message(house: WorkerHouse) -> None:
    policy = {"max_retries": 1, "retry_delay_seconds": 300}
    house.installation.registry.register(
        {"id": "t", "schedule": YEARLY, "handler": "handlers.flaky.run", "retry_policy": policy}
    )
    run = house.run("t")
    with house.worker(pool="solo"):
        wait_until(lambda: parked(house), "the retry is parked")
        wait_until(house.is_drained, "the first attempt is acknowledged")
    assert run.state == "retrying"
    due = parked(house)[run.execution_id]
    assert timedelta(seconds=280) < due - datetime.now(UTC) <= timedelta(seconds=300)
    assert payload(house, run.execution_id)[1]["headers"]["retries"] == 1


def test_waiting_retry_of_a_removed_task_is_cancelled_and_recorded(house: WorkerHouse) -> None:
    registry = house.installation.registry
    registry.register({"id": "t", "schedule": YEARLY, "handler": "handlers.flaky.run"})
    run = house.run("t")
    with house.worker(pool="solo"):
        wait_until(lambda: parked(house), "the retry is parked")
        wait_until(house.is_drained, "the first attempt is acknowledged")
    assert registry.unregister("t")
    assert (run.state, parked(house)) == ("cancelled", {})
    found = records_of(house.installation, "t")
    assert [(one["status"], one["reason"]) for one in found][-1] == ("cancelled", "its task was removed")


def test_message_of_a_plain_client_is_parked_when_it_is_popped(house: WorkerHouse) -> None:
    with closing(Celery("bare", broker=house.server.url, set_as_current=False)) as client:
        sent = client.send_task("handlers.hello.run", queue="default", countdown=3_600)
    assert (waiting(house), parked(house)) == (1, {})
    with house.worker(pool="solo"):
        wait_until(lambda: plain_execution_id(sent.id) in parked(house), "it is parked")
        house.succeeds(house.run())
        wait_until(house.is_drained, "it is in no worker's hand")
    assert waiting(house) == 0


def test_second_message_of_a_run_is_parked_only_if_it_is_due_sooner(house: WorkerHouse) -> None:
    celery, tomorrow = house.installation.celery, datetime.now(UTC) + DAY
    for retries, eta in enumerate((tomorrow, tomorrow + DAY, tomorrow - timedelta(hours=1))):
        celery.send_task("handlers.hello.run", task_id="one", eta=eta, queue="default", retries=retries)
        assert parked(house) == {"one": min(eta, tomorrow)}
    assert payload(house, "one")[1]["headers"]["retries"] == 2


def test_parked_message_wakes_beat_only_if_it_is_the_first_to_release(house: WorkerHouse) -> None:
    with house.server.client() as client, client.pubsub(ignore_subscribe_messages=True) as ears:
        ears.subscribe(redis_keys.WAKE_CHANNEL)
        assert ears.get_message(timeout=5) is None
        run = house.run(delay=3_600)
        heard = wait_until(lambda: ears.get_message(timeout=1), "beat is woken")
        assert heard["data"] == run.execution_id
        house.run(delay=7_200)
        client.publish(redis_keys.WAKE_CHANNEL, "the end")
        last = wait_until(lambda: ears.get_message(timeout=1), "the end")
        assert last["data"] == "the end"


def test_parked_run_survives_a_crash_of_redis_and_runs_at_its_time(house: WorkerHouse) -> None:
    run, far = house.run(delay=120), house.run(delay=3_600)
    house.server.kill()
    house.server.restart()
    assert set(parked(house)) == {run.execution_id, far.execution_id}
    with house.server.client() as client, BeatProcess(house.installation) as beat, house.worker(pool="solo"):
        wait_until(lambda: beat.leads, "beat leads", timeout=20)
        now = datetime.now(UTC).timestamp()
        client.zadd(redis_keys.PARKED, {run.execution_id: now})  # its time has come
        house.installation.ledger.make_due(run.execution_id)
        house.succeeds(run)
        assert set(parked(house)) == {far.execution_id}
        assert not client.hexists(redis_keys.PARKED_PAYLOADS, run.execution_id)


def test_parked_run_started_now_leaves_the_park_after_its_message_was_sent(
    house: WorkerHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = house.run(at=datetime.now(UTC) + DAY)
    before = parked(house)

    def refuse(*_: object, **__: object) -> None:
        raise OperationalError("the broker is away")

    with monkeypatch.context() as patch:
        patch.setattr("mission_control.dispatch.run_control.send", refuse)
        with pytest.raises(OperationalError):
            RunControl.of(house.installation).run_now(run.execution_id)
    assert parked(house) == before
    assert RunControl.of(house.installation).run_now(run.execution_id) == run.execution_id
    assert (parked(house), waiting(house)) == ({}, 1)


def test_retry_parked_since_the_look_stays_parked(
    house: WorkerHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = house.run(at=datetime.now(UTC) + DAY)

    def send_and_fail(*_: object, **__: object) -> None:
        with house.server.client() as client:
            client.zincrby(redis_keys.PARKED, 3_600, run.execution_id)

    monkeypatch.setattr("mission_control.dispatch.run_control.send", send_and_fail)
    RunControl.of(house.installation).run_now(run.execution_id)
    assert list(parked(house)) == [run.execution_id]
