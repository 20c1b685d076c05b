"""A client of the broker that names a waiting run cannot have it begin before its time."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from mission_control.dispatch.run_control import RunControl
from mission_control.messaging.message import RUN_HEADER
from tests.stage.audit_stream import records_of
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from celery import Celery

    from tests.stage.live_installation import LiveInstallation

HELLO = "handlers.hello.run"
FAILING = "handlers.test_handler.run"
SENT = 2


def test_forged_message_for_a_run_that_is_not_due_begins_nothing(
    live: LiveInstallation, bare_client: Celery
) -> None:
    """One for a delayed run, for a run that waits for its retry, and for one that waits for that to end."""
    retries = {"max_retries": 1, "retry_delay_seconds": 3_600}
    live.task("early", FAILING, params={"fail_times": 1}, retry_policy=retries)
    delayed, retried = live.run(HELLO, delay=timedelta(hours=1)), live.run("early")
    wait_until(lambda: retried.state == "retrying", "it waits for its retry")
    queued = live.run("early")
    runs = {queued: (FAILING, 0), delayed: (HELLO, 0), retried: (FAILING, 1)}
    before = {run.execution_id: run.record for run in runs}

    for run, (handler, retries_so_far) in runs.items():
        for queue in ("default", "mail"):
            bare_client.send_task(
                handler,
                task_id=run.execution_id,
                queue=queue,
                retries=retries_so_far,
                headers={RUN_HEADER: True},
            )
    for run in (delayed, retried):
        seen = partial(refusals, live, runs[run][0], run.execution_id)
        reasons = wait_until(seen, f"both messages for {run.execution_id} are refused")
        assert f"run {run.execution_id} is not due yet: the message is forged, or the clocks" in reasons[0]
    assert {run.execution_id: run.record for run in runs} == before

    control = RunControl.of(live.installation)
    for run in (delayed, retried):
        control.run_now(run.execution_id)
    ended = [live.ended(run) for run in (delayed, retried)]
    assert [(one.state, one.attempt) for one in ended] == [("success", 1), ("success", 2)]
    wait_until(lambda: queued.state == "retrying", "it has begun once its turn came")
    control.cancel(queued.execution_id, reason="seen")


def refusals(live: LiveInstallation, handler: str, execution_id: str) -> list[str]:
    """Return why both messages were refused, once they are."""
    found = [one for one in records_of(live.installation, handler) if one["status"] == "rejected"]
    reasons = [one["reason"] for one in found if one["execution_id"] == execution_id]
    return reasons if len(reasons) == SENT else []
