"""What travels on the queues, and messages that lead to no attempt."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from ulid import ULID

from mission_control.dispatch.run_control import RunControl
from mission_control.dispatch.waiting_runs import waiting_since
from mission_control.messaging.message import send
from mission_control.model.runs.new_run import ad_hoc_run
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from tests.stage.live_installation import LiveInstallation


def queued(live: LiveInstallation, queue: str) -> dict[str, Any]:
    """Return the one message on a queue without a worker, its body decoded.

    Its run is cancelled, or the sweep would send the message again.
    """
    with live.server.client() as client:
        (raw,) = client.lrange(queue, 0, -1)
        client.delete(queue)
    message: dict[str, Any] = json.loads(raw)
    RunControl.of(live.installation).cancel(message["headers"]["id"], reason="seen")
    message["body"] = json.loads(base64.b64decode(message["body"]))
    return message


def test_message_holds_ids_only(live: LiveInstallation) -> None:
    live.task("secretive", params={"password": "hunter2"}, retry_policy={"max_retries": 77})
    run = live.run("secretive", {"token": "abcdef"}, queue="unserved")
    message = queued(live, "unserved")
    args, kwargs, _ = message["body"]
    assert args == []
    assert sorted(kwargs) == ["execution_id", "scheduled_time", "task_id"]
    assert message["headers"]["id"] == kwargs["execution_id"] == run.execution_id
    text = json.dumps(message)
    assert [
        secret for secret in ("hunter2", "abcdef", "password", "token", "max_retries") if secret in text
    ] == []


def test_time_limits_and_expiry_travel_in_the_headers(live: LiveInstallation) -> None:
    live.task("limited", timeout_seconds=5, expires_seconds=60)
    live.run("limited", queue="unserved")
    headers = queued(live, "unserved")["headers"]
    assert headers["timelimit"] == [15, 5]
    assert headers["expires"] is not None


def test_priority_chooses_among_the_lists_of_a_queue(live: LiveInstallation) -> None:
    live.run("handlers.hello.run", queue="unserved", priority=9)
    message = queued(live, "unserved\x06\x169")
    assert message["properties"]["priority"] == 9


def test_run_with_a_delay_waits_for_it(live: LiveInstallation) -> None:
    record = live.ended(live.run("handlers.hello.run", delay=1))
    assert record.started_at is not None
    assert record.started_at >= record.scheduled_time


def test_repeated_idempotency_key_starts_one_run(live: LiveInstallation) -> None:
    first = live.run("handlers.hello.run", idempotency_key="order-1")
    again = live.run("handlers.hello.run", idempotency_key="order-1")
    other = live.run("handlers.hello.run", idempotency_key="order-2")
    assert first.execution_id == again.execution_id != other.execution_id
    assert first.wait(10) == again.wait(10)
    with live.server.client() as client:
        assert client.ttl("mc:idempotency:order-1") > 0


def test_run_whose_handler_no_worker_has_waits_until_it_is_cancelled(live: LiveInstallation) -> None:
    now = live.installation.clock()
    run = ad_hoc_run("handlers.gone.run", {}, ulid=str(ULID()), at=now, now=now, queue="default")
    live.installation.ledger.dispatch(run)
    send(live.installation.celery, run)
    wait_until(lambda: waiting_since(live.installation.client, run), "it waits")
    reply = RunControl.of(live.installation).cancel(run.execution_id, reason="never mind")
    assert reply == "cancelled"
    (final,) = wait_until(lambda: live.final_records(run), "the run is accounted for")
    assert final["status"] == "cancelled"


def test_run_that_is_not_started_in_time_expires(live: LiveInstallation) -> None:
    live.task("hasty", expires_seconds=0.5)
    run = live.run("hasty", queue="served_late")
    expires_at = run.record.expires_at if run.record is not None else None
    assert expires_at is not None
    wait_until(lambda: live.installation.clock() > expires_at, "the run has expired")
    with live.server.client() as client:
        assert client.lmove("served_late", "default", "RIGHT", "LEFT")
    record = live.ended(run)
    assert (record.state, record.reason, record.attempt) == (
        "expired",
        "not started within expires_seconds",
        0,
    )
    (audited,) = live.records(record)
    assert (audited["status"], audited["started_at"], audited["attempt"]) == ("expired", None, None)


def test_revoked_run_is_cancelled(live: LiveInstallation) -> None:
    run = live.run("handlers.hello.run", delay=1.5)
    live.installation.celery.control.revoke(run.execution_id)
    record = live.ended(run)
    assert (record.state, record.reason) == ("cancelled", "revoked")


def test_run_revoked_while_it_runs_is_cancelled_once(live: LiveInstallation) -> None:
    run = live.run("handlers.long.run")
    wait_until(lambda: run.state == "running", "the run runs")
    live.installation.celery.control.revoke(run.execution_id, terminate=True)
    record = live.ended(run)
    assert record.state == "cancelled"
    assert len(live.records(record)) == 1


def test_message_delivered_again_during_its_run_is_dropped(live: LiveInstallation) -> None:
    run = live.run("handlers.hello.run", queue="unserved")
    with live.server.client() as client:
        message = json.loads(client.rpop("unserved"))
        live.installation.ledger.begin(run.execution_id, 1, worker="other", at=live.installation.clock())
        message["properties"]["delivery_info"]["redelivered"] = True
        client.lpush("default", json.dumps(message))
        wait_until(lambda: not client.exists("default", "unacked"), "the message is dropped")
        assert not client.exists("unserved")
    assert run.state == "running"
