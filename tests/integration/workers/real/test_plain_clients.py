"""Messages of clients that have never heard of Mission Control."""

from __future__ import annotations

import json
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from celery import Celery
from redbeat import RedBeatSchedulerEntry
from redbeat.schedulers import RedBeatConfig

from mission_control.dispatch.run_control import RunControl, existing_run
from mission_control.model.values.identifiers import occurrence_execution_id, plain_execution_id
from tests.stage.audit_stream import records_of
from tests.stage.plain_runs import over, rejections
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from tests.stage.live_installation import LiveInstallation


def test_run_of_a_bare_celery_client_is_in_ledger_and_audit(
    live: LiveInstallation, bare_client: Celery
) -> None:
    """With Celery's defaults: its queue is `celery`, which belongs to no worker of ours."""
    sent = bare_client.send_task("handlers.hello.run", kwargs={"params": {"name": "Ada"}})
    record = over(live, sent.id)
    assert (record.state, record.output, record.trigger) == ("success", "Hello, Ada!", "plain")
    assert existing_run(live.installation.ledger, sent.id) == record
    (audited,) = wait_until(lambda: live.records(record), "it is audited")
    assert (audited["task_id"], audited["status"], audited["trigger"]) == (
        "handlers.hello.run",
        "success",
        "plain",
    )


@pytest.mark.parametrize("settings", [{}, {"task_protocol": 1}], ids=["protocol 2", "protocol 1"])
@pytest.mark.parametrize(
    "message",
    [
        {"args": [{"name": "Ada"}]},
        {"args": [{"params": {"name": "Ada"}}], "priority": 6},
        {"kwargs": {"params": {"name": "Ada"}}, "queue": "mail", "countdown": 0.5},
    ],
    ids=["params by position", "context by position, with a priority", "a queue, and a delay"],
)
def test_message_of_a_client_with_other_defaults_runs(
    live: LiveInstallation, settings: dict[str, Any], message: dict[str, Any]
) -> None:
    with closing(Celery("bare", broker=live.server.url, set_as_current=False)) as client:
        client.conf.update(settings)
        sent = client.send_task("handlers.hello.run", **message)
    run = over(live, sent.id)
    assert (run.output, run.queue) == ("Hello, Ada!", message.get("queue", "default"))


def test_message_of_another_celery_application_stays_on_its_queue(
    live: LiveInstallation, bare_client: Celery
) -> None:
    bare_client.send_task("shop.tasks.bill", args=[7])
    sent = bare_client.send_task("handlers.hello.run", kwargs={"params": {"name": "Ada"}})
    assert over(live, sent.id).state == "success"
    with live.server.client() as client:
        (left,) = client.lrange("celery", 0, -1)
        client.delete("celery")
    assert json.loads(left)["headers"]["task"] == "shop.tasks.bill"


def test_message_on_the_default_queue_that_no_worker_can_accept_is_recorded(
    live: LiveInstallation, bare_client: Celery
) -> None:
    sent = bare_client.send_task("handlers.hello.run", compression="zlib")
    reason = wait_until(
        lambda: [
            one["reason"]
            for one in records_of(live.installation, "handlers.hello.run")
            if (one["status"], one["execution_id"]) == ("rejected", sent.id)
        ],
        "it is recorded",
    )
    assert reason
    assert "compression" in reason[0]


def test_message_with_the_id_of_an_occurrence_leaves_the_occurrence_alone(
    live: LiveInstallation, bare_client: Celery
) -> None:
    """One that will fire, and one that waits on a queue: neither runs now, or with the sender's params."""
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=8)  # when the strangers have ended
    once = {"type": "once", "at": due.isoformat()}
    definition = {
        "id": "victim",
        "schedule": once,
        "handler": "handlers.hello.run",
        "params": {"name": "Grace"},
        "overlap": "allow",
    }
    assert live.installation.registry.register(definition)
    occurrence, waiting = occurrence_execution_id("victim", due), live.run("victim", queue="unserved")
    for target in (occurrence, waiting.execution_id):
        kwargs = {"params": {"name": "Mallory"}, "task_id": "victim", "execution_id": target}
        bare_client.send_task("handlers.hello.run", task_id=target, kwargs=kwargs)
        stranger = over(live, target)
        assert (stranger.task_id, stranger.output) == ("handlers.hello.run", "Hello, Mallory!")
    real = wait_until(
        lambda: (one := live.installation.ledger.get(occurrence)) is not None and one.state.is_final and one,
        "the occurrence has run",
    )
    assert real
    assert (real.output, real.trigger, real.scheduled_time) == ("Hello, Grace!", "schedule", due)
    assert waiting.state == "dispatched"
    RunControl.of(live.installation).cancel(waiting.execution_id, reason="seen")  # or it would be sent again
    with live.server.client() as client:
        client.delete("unserved")
    assert live.installation.ledger.history("victim").total_runs == 1


def test_message_that_names_a_task_belongs_to_none(live: LiveInstallation, bare_client: Celery) -> None:
    live.task("ours", "handlers.hello.run", params={"name": "Grace"})
    sent = bare_client.send_task("handlers.hello.run", kwargs={"task_id": "ours"})
    record = over(live, sent.id)
    assert (record.task_id, record.params, record.revision) == ("handlers.hello.run", {}, None)
    assert live.installation.ledger.history("ours").total_runs == 0


def test_plain_run_that_is_repeated_keeps_its_queue(live: LiveInstallation, bare_client: Celery) -> None:
    sent = bare_client.send_task("handlers.hello.run", queue="mail", priority=6)
    run = over(live, sent.id)
    assert (run.state, run.attempt, run.queue, run.priority) == ("success", 1, "mail", 6)
    again = RunControl.of(live.installation).run_now(sent.id)
    repeated = wait_until(
        lambda: (one := live.installation.ledger.get(again)) is not None and one.state.is_final and one,
        "it has run again",
    )
    assert repeated
    assert repeated.queue == "mail"


def test_plain_message_with_limits_keeps_them(live: LiveInstallation, bare_client: Celery) -> None:
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=5)
    sent = bare_client.send_task(
        "handlers.hello.run", queue="default", soft_time_limit=3, time_limit=4, expires=expires
    )
    run = over(live, sent.id)
    assert (run.timeout_seconds, run.expires_at, run.queue) == (3, expires, "default")


def test_plain_message_that_comes_too_late_is_recorded_as_expired(
    live: LiveInstallation, bare_client: Celery
) -> None:
    expires = datetime.now(UTC) - timedelta(seconds=5)
    sent = bare_client.send_task("handlers.hello.run", queue="mail", expires=expires)
    run = over(live, sent.id)
    assert (run.state, run.trigger, run.queue) == ("expired", "plain", "mail")
    (record,) = wait_until(lambda: live.records(run), "it is audited")
    assert (record["status"], record["final"], record["trigger"]) == ("expired", True, "plain")


def test_revoked_plain_message_is_recorded_as_cancelled(live: LiveInstallation, bare_client: Celery) -> None:
    name = f"revoked-{time.time_ns()}"
    assert bare_client.control.revoke(name, reply=True, limit=1, timeout=10)
    bare_client.send_task("handlers.hello.run", task_id=name, queue="default")
    run = over(live, name)
    assert (run.state, run.reason, run.attempt) == ("cancelled", "revoked", 0)
    (record,) = wait_until(lambda: live.records(run), "it is audited")
    assert (record["status"], record["final"]) == ("cancelled", True)


def test_expired_message_with_wrong_arguments_is_rejected(
    live: LiveInstallation, bare_client: Celery
) -> None:
    expires = datetime.now(UTC) - timedelta(seconds=5)
    sent = bare_client.send_task("handlers.hello.run", args=["Ada"], queue="default", expires=expires)
    (record,) = wait_until(lambda: rejections(live, "handlers.hello.run", sent.id), "it is rejected")
    assert "positional arguments" in record["reason"]
    assert live.installation.ledger.get(plain_execution_id(sent.id)) is None


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"kwargs": {"name": "Ada"}}, "arguments a handler does not take: name; send kwargs={'params': …}"),
        ({"kwargs": {"params": ["Ada"]}}, "params is list; it must be an object"),
        ({"args": ["Ada"]}, "arguments a handler does not take: positional arguments"),
        ({"args": [{}], "kwargs": {"params": {}}}, "arguments a handler does not take: positional arguments"),
    ],
)
def test_message_with_wrong_arguments_is_rejected_once(
    live: LiveInstallation, bare_client: Celery, message: dict[str, Any], words: str
) -> None:
    sent = bare_client.send_task("handlers.hello.run", queue="default", **message)
    (record,) = wait_until(lambda: rejections(live, "handlers.hello.run", sent.id), "it is rejected")
    assert words in record["reason"]
    assert live.installation.ledger.get(plain_execution_id(sent.id)) is None


def test_entry_written_with_plain_redbeat_fires_and_runs(live: LiveInstallation, bare_client: Celery) -> None:
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
        assert record["execution_id"] == occurrence_execution_id("from-redbeat", due)
        assert (record["status"], record["output"]) == ("success", "Hello, RedBeat!")
