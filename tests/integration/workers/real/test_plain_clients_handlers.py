"""Messages of plain Celery clients for what no worker has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.model.values.identifiers import plain_execution_id
from tests.stage.plain_runs import over, rejections
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from celery import Celery

    from tests.stage.live_installation import LiveInstallation


def test_message_for_a_handler_that_no_worker_has_waits_until_it_expires(
    live: LiveInstallation, bare_client: Celery
) -> None:
    expires = datetime.now(UTC) + timedelta(seconds=2)
    sent = bare_client.send_task("handlers.gone.run", queue="default", expires=expires)
    own_id = plain_execution_id(sent.id)
    waiting = wait_until(lambda: live.installation.ledger.get(own_id), "it is entered")
    assert waiting
    assert waiting.state == "dispatched"
    run = over(live, sent.id)
    assert (run.state, run.trigger, run.attempt) == ("expired", "plain", 0)
    (record,) = wait_until(lambda: live.records(run), "it is audited")
    assert (record["status"], record["final"]) == ("expired", True)
    assert "no handler 'handlers.gone.run' on this worker" in record["reason"]


def test_message_for_a_missing_handler_with_wrong_arguments_is_rejected_at_once(
    live: LiveInstallation, bare_client: Celery
) -> None:
    sent = bare_client.send_task("handlers.gone.run", args=["Ada"], queue="default")
    (record,) = wait_until(lambda: rejections(live, "handlers.gone.run", sent.id), "it is rejected")
    assert "positional arguments" in record["reason"]


@pytest.mark.parametrize("name", ["shop.tasks.bill", "handlers.hello"])
def test_message_for_a_task_that_is_not_a_handler_is_rejected(
    live: LiveInstallation, bare_client: Celery, name: str
) -> None:
    sent = bare_client.send_task(name, queue="default")
    (record,) = wait_until(lambda: rejections(live, name, sent.id), "it is rejected")
    assert "is not a handler path; write handlers.<module>.<function>" in record["reason"]
