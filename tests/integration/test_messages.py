"""What travels on the queues, who may send it, and what Flower sees of them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from celery import Celery
from redbeat import RedBeatSchedulerEntry
from redbeat.schedulers import RedBeatConfig
from ulid import ULID

from mission_control.ledger import RunState
from mission_control.ledger.run_record import ad_hoc_run
from mission_control.messaging.message import send
from tests.audit_stream import records_of
from tests.live_installation import LiveInstallation, live_installation
from tests.redis_key_life import faults_in_keys
from tests.servers import free_port
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDLERS = {
    "long": '''
        """A handler that takes its time."""
        import time


        def run(context):
            """Sleep for a minute."""
            time.sleep(60)
    ''',
}


@pytest.fixture(scope="module")
def live() -> Iterator[LiveInstallation]:
    with live_installation(HANDLERS) as live:
        yield live


@pytest.fixture
def bare_client(live: LiveInstallation) -> Iterator[Celery]:
    """A Celery client that has never heard of Mission Control."""
    with closing(Celery("bare", broker=live.server.url, set_as_current=False)) as client:
        yield client


def queued(live: LiveInstallation, queue: str) -> dict[str, Any]:
    """Return the one message on a queue that nobody serves, its body decoded."""
    with live.server.client() as client:
        (raw,) = client.lrange(queue, 0, -1)
        client.delete(queue)
    message: dict[str, Any] = json.loads(raw)
    message["body"] = json.loads(base64.b64decode(message["body"]))
    return message


def rejections(live: LiveInstallation, handler: str, execution_id: str) -> list[dict[str, Any]]:
    found = records_of(live.installation, handler)
    return [one for one in found if (one["execution_id"], one["status"]) == (execution_id, "rejected")]


def test_a_message_holds_ids_only(live: LiveInstallation) -> None:
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


def test_a_run_waits_for_its_delay(live: LiveInstallation) -> None:
    record = live.ended(live.run("handlers.hello.run", delay=1))
    assert record.started_at is not None
    assert record.started_at >= record.scheduled_time


def test_an_idempotency_key_starts_one_run(live: LiveInstallation) -> None:
    first = live.run("handlers.hello.run", idempotency_key="order-1")
    again = live.run("handlers.hello.run", idempotency_key="order-1")
    other = live.run("handlers.hello.run", idempotency_key="order-2")
    assert first.execution_id == again.execution_id != other.execution_id
    assert first.wait(10) == again.wait(10)
    with live.server.client() as client:
        assert client.ttl("mc:idempotency:order-1") > 0


def test_a_bare_celery_client_is_served_ledgered_and_audited(
    live: LiveInstallation, bare_client: Celery
) -> None:
    sent = bare_client.send_task(
        "handlers.hello.run", kwargs={"params": {"name": "Ada"}}, queue="default", ignore_result=True
    )
    record = wait_until(
        lambda: (one := live.installation.ledger.get(sent.id)) is not None and one.state.is_final and one,
        "the bare client's run is over",
    )
    assert record
    assert (record.state, record.output, record.trigger) == ("success", "Hello, Ada!", "plain")
    (audited,) = wait_until(lambda: live.records(record), "it is audited")
    assert (audited["task_id"], audited["status"], audited["trigger"]) == (
        "handlers.hello.run",
        "success",
        "plain",
    )


def test_a_bare_client_cannot_have_another_handlers_params(
    live: LiveInstallation, bare_client: Celery
) -> None:
    live.task("guarded", "handlers.hello.run", params={"name": "the secret one"})
    sent = bare_client.send_task("handlers.test_handler.run", kwargs={"task_id": "guarded"}, queue="default")
    record = wait_until(lambda: live.installation.ledger.get(sent.id), "the run is entered")
    assert record is not None
    assert (record.task_id, record.params) == ("handlers.test_handler.run", {})


def test_a_bare_client_can_run_a_task_of_ours(live: LiveInstallation, bare_client: Celery) -> None:
    live.task("ours", "handlers.hello.run", params={"name": "Grace"})
    sent = bare_client.send_task("handlers.hello.run", kwargs={"task_id": "ours"}, queue="default")
    record = wait_until(
        lambda: (one := live.installation.ledger.get(sent.id)) is not None and one.state.is_final and one,
        "the run is over",
    )
    assert record
    assert (record.task_id, record.output, record.revision) == ("ours", "Hello, Grace!", 1)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"kwargs": {"name": "Ada"}}, "arguments a handler does not take: name; send kwargs={'params': …}"),
        ({"kwargs": {"params": ["Ada"]}}, "params is list; it must be an object"),
        ({"args": ["Ada"]}, "positional arguments, which a handler does not take"),
    ],
)
def test_a_message_with_wrong_arguments_is_rejected_once(
    live: LiveInstallation, bare_client: Celery, message: dict[str, Any], words: str
) -> None:
    sent = bare_client.send_task("handlers.hello.run", queue="default", **message)
    (record,) = wait_until(lambda: rejections(live, "handlers.hello.run", sent.id), "it is rejected")
    assert words in record["reason"]
    assert live.installation.ledger.get(sent.id) is None


def test_a_message_for_an_unknown_handler_is_rejected(live: LiveInstallation, bare_client: Celery) -> None:
    sent = bare_client.send_task("handlers.gone.run", queue="default")
    (record,) = wait_until(lambda: rejections(live, "handlers.gone.run", sent.id), "it is rejected")
    assert "no handler 'handlers.gone.run' on this worker" in record["reason"]


def test_a_run_whose_handler_no_worker_has_ends_lost(live: LiveInstallation) -> None:
    now = live.installation.clock()
    run = ad_hoc_run("handlers.gone.run", {}, ulid=str(ULID()), at=now, now=now, queue="default")
    live.installation.ledger.dispatch(run)
    send(live.installation.celery, run)
    (final,) = wait_until(lambda: live.final_records(run), "the run is accounted for")
    assert final["status"] == "lost"
    assert "no handler 'handlers.gone.run'" in final["reason"]


def test_a_run_that_nobody_starts_in_time_expires(live: LiveInstallation) -> None:
    live.task("hasty", expires_seconds=0.5)
    run = live.run("hasty", queue="served_late")
    expires_at = run.record.expires_at if run.record is not None else None
    assert expires_at is not None
    wait_until(lambda: live.installation.clock() > expires_at, "the run has expired")
    live.installation.celery.control.add_consumer("served_late")
    record = live.ended(run)
    assert (record.state, record.reason, record.attempt) == (
        "expired",
        "not started within expires_seconds",
        0,
    )
    (audited,) = live.records(record)
    assert (audited["status"], audited["started_at"], audited["attempt"]) == ("expired", None, None)


def test_a_revoked_run_is_cancelled(live: LiveInstallation) -> None:
    run = live.run("handlers.hello.run", delay=1.5)
    live.installation.celery.control.revoke(run.execution_id)
    record = live.ended(run)
    assert (record.state, record.reason) == ("cancelled", "revoked")


def test_a_run_revoked_while_it_runs_is_cancelled_once(live: LiveInstallation) -> None:
    run = live.run("handlers.long.run")
    wait_until(lambda: run.state == "running", "the run runs")
    live.installation.celery.control.revoke(run.execution_id, terminate=True)
    record = live.ended(run)
    assert record.state == "cancelled"
    assert len(live.records(record)) == 1


def test_a_message_that_comes_back_while_its_run_goes_on_asks_again_later(live: LiveInstallation) -> None:
    run = live.run("handlers.hello.run", queue="unserved")
    with live.server.client() as client:
        message = json.loads(client.rpop("unserved"))
        client.set("mc:process:worker:other", "{}", ex=60)
        live.installation.ledger.begin(run.execution_id, 1, worker="other", at=live.installation.clock())
        message["properties"]["delivery_info"]["redelivered"] = True
        client.lpush("default", json.dumps(message))
        wait_until(lambda: client.llen("unserved") == 1, "the message is put off")
    headers = queued(live, "unserved")["headers"]
    assert headers["mission_control_asks_again"] is True
    assert (headers["id"], headers["retries"]) == (run.execution_id, 0)
    assert datetime.fromisoformat(headers["eta"]) > live.installation.clock()
    assert run.state == "running"


def test_an_entry_written_with_plain_redbeat_fires_and_is_run(
    live: LiveInstallation, bare_client: Celery
) -> None:
    bare_client.conf.redbeat_redis_url = live.server.url
    bare_client.redbeat_conf = RedBeatConfig(bare_client)
    entry = RedBeatSchedulerEntry(
        "from-redbeat", "handlers.hello.run", 1, kwargs={"params": {"name": "RedBeat"}}, app=bare_client
    )
    entry.save()
    bare_client.redbeat_redis.close()
    records = wait_until(
        lambda: len(found := records_of(live.installation, "from-redbeat")) >= 2 and found,
        "the entry has fired twice",
        timeout=20,
    )
    assert records
    for record in records:
        due = datetime.fromisoformat(record["scheduled_time"])
        assert record["execution_id"] == f"from-redbeat@{due.astimezone(UTC):%Y%m%dT%H%M%S}Z"
        assert (record["status"], record["output"]) == ("success", "Hello, RedBeat!")


@contextmanager
def flower(live: LiveInstallation) -> Iterator[httpx.Client]:
    port = free_port()
    environment = {
        **os.environ,
        **live.installation.settings.environment(),
        "FLOWER_UNAUTHENTICATED_API": "true",
    }
    command = [sys.executable, "-m", "celery", "-A", "workers.app", "flower", f"--port={port}"]
    log = live.folder / "flower.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, "--address=127.0.0.1"], env=environment, stdout=output, stderr=output
        ) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        try:
            wait_until(
                lambda: process.poll() is not None or answer(client, "/healthcheck"),
                "Flower answers",
                timeout=30,
            )
            assert process.poll() is None, log.read_text("utf-8")
            yield client
        finally:
            process.terminate()
            process.wait(timeout=15)


def answer(client: httpx.Client, path: str) -> Any:
    try:
        response = client.get(path)
    except httpx.TransportError:
        return None
    if response.status_code != 200:
        return None
    return response.json() if "json" in response.headers["content-type"] else response.text


def test_flower_shows_workers_and_runs_by_handler_and_execution_id(live: LiveInstallation) -> None:
    live.task("greeting", "handlers.hello.run", params={"name": "hunter2"})
    with flower(live) as client:
        wait_until(
            lambda: live.fleet.worker_name in (answer(client, "/api/workers") or {}),
            "Flower sees the worker",
            timeout=20,
        )
        record = live.ended(live.run("greeting"))
        shown = wait_until(
            lambda: (
                (one := answer(client, f"/api/task/info/{record.execution_id}"))
                and one["state"] == "SUCCESS"
                and one
            ),
            "Flower shows the run",
        )
    assert shown["name"] == "handlers.hello.run"
    assert shown["uuid"] == record.execution_id
    assert "hunter2" not in shown["kwargs"]


def test_after_all_this_no_key_is_left_for_ever_that_the_table_does_not_say(live: LiveInstallation) -> None:
    live.installation.registry.unregister("greeting")
    for run in live.installation.ledger.active():
        live.installation.ledger.end(run, RunState.CANCELLED, at=live.installation.clock())
    with live.server.client() as client:
        assert faults_in_keys(client) == {}
