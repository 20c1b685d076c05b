"""Messages of clients that have never heard of Mission Control."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from redbeat import RedBeatSchedulerEntry
from redbeat.schedulers import RedBeatConfig

from mission_control.dispatch.run_control import RunControl
from tests.stage.audit_stream import records_of
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from celery import Celery

    from mission_control.model.runs.run_record import RunRecord
    from tests.stage.live_installation import LiveInstallation


def rejections(live: LiveInstallation, handler: str, execution_id: str) -> list[dict[str, Any]]:
    found = records_of(live.installation, handler)
    return [one for one in found if (one["execution_id"], one["status"]) == (execution_id, "rejected")]


def over(live: LiveInstallation, execution_id: str) -> RunRecord:
    run = wait_until(
        lambda: (
            (one := live.installation.ledger.get(execution_id)) is not None and one.state.is_final and one
        ),
        "the run is over",
    )
    assert run
    return run


def test_run_of_a_bare_celery_client_is_in_ledger_and_audit(
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


def test_bare_client_with_another_handler_does_not_get_the_task_params(
    live: LiveInstallation, bare_client: Celery
) -> None:
    live.task("guarded", "handlers.hello.run", params={"name": "the secret one"})
    sent = bare_client.send_task("handlers.test_handler.run", kwargs={"task_id": "guarded"}, queue="default")
    record = wait_until(lambda: live.installation.ledger.get(sent.id), "the run is entered")
    assert record is not None
    assert (record.task_id, record.params) == ("handlers.test_handler.run", {})


def test_bare_client_can_run_a_registered_task(live: LiveInstallation, bare_client: Celery) -> None:
    live.task("ours", "handlers.hello.run", params={"name": "Grace"})
    sent = bare_client.send_task("handlers.hello.run", kwargs={"task_id": "ours"}, queue="default")
    record = wait_until(
        lambda: (one := live.installation.ledger.get(sent.id)) is not None and one.state.is_final and one,
        "the run is over",
    )
    assert record
    assert (record.task_id, record.output, record.revision) == ("ours", "Hello, Grace!", 1)


def test_retry_of_a_plain_run_keeps_its_queue_and_its_task_limits(
    live: LiveInstallation, bare_client: Celery
) -> None:
    policy = {"max_retries": 1, "retry_delay_seconds": 0}
    live.task("rare", "handlers.rude.kill_once", retry_policy=policy, timeout_seconds=7, expires_seconds=60)
    sent = bare_client.send_task(
        "handlers.rude.kill_once", kwargs={"task_id": "rare"}, queue="mail", priority=6
    )
    run = over(live, sent.id)
    assert (run.state, run.attempt, run.queue, run.priority) == ("success", 2, "mail", 6)
    assert (run.timeout_seconds, run.expires_at) == (7, run.dispatched_at + timedelta(seconds=60))
    again = RunControl.of(live.installation).run_now(run.execution_id)
    assert over(live, again).queue == "mail"


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
    assert live.installation.ledger.get(sent.id) is None


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"kwargs": {"name": "Ada"}}, "arguments a handler does not take: name; send kwargs={'params': …}"),
        ({"kwargs": {"params": ["Ada"]}}, "params is list; it must be an object"),
        ({"args": ["Ada"]}, "positional arguments, which a handler does not take"),
    ],
)
def test_message_with_wrong_arguments_is_rejected_once(
    live: LiveInstallation, bare_client: Celery, message: dict[str, Any], words: str
) -> None:
    sent = bare_client.send_task("handlers.hello.run", queue="default", **message)
    (record,) = wait_until(lambda: rejections(live, "handlers.hello.run", sent.id), "it is rejected")
    assert words in record["reason"]
    assert live.installation.ledger.get(sent.id) is None


def test_message_for_an_unknown_handler_is_rejected(live: LiveInstallation, bare_client: Celery) -> None:
    sent = bare_client.send_task("handlers.gone.run", queue="default")
    (record,) = wait_until(lambda: rejections(live, "handlers.gone.run", sent.id), "it is rejected")
    assert "no handler 'handlers.gone.run' on this worker" in record["reason"]


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
        assert record["execution_id"] == f"from-redbeat@{due.astimezone(UTC):%Y%m%dT%H%M%S}Z"
        assert (record["status"], record["output"]) == ("success", "Hello, RedBeat!")
