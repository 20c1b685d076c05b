"""Messages of clients that have never heard of Mission Control."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from redbeat import RedBeatSchedulerEntry
from redbeat.schedulers import RedBeatConfig

from tests.audit_stream import records_of
from tests.waiting import wait_until

if TYPE_CHECKING:
    from celery import Celery

    from tests.live_installation import LiveInstallation


def rejections(live: LiveInstallation, handler: str, execution_id: str) -> list[dict[str, Any]]:
    found = records_of(live.installation, handler)
    return [one for one in found if (one["execution_id"], one["status"]) == (execution_id, "rejected")]


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
