"""Attempts that ended without their process being able to say so: killed at the hard limit, or lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mission_control.ledger import RunState
from mission_control.messaging.message import send
from mission_control.run_audit import audit_ending
from workers.attempt import ending_of
from workers.invocation import Failure

if TYPE_CHECKING:
    from celery import Celery

    from mission_control.installation import Installation


def end_lost_attempt(
    app: Celery, installation: Installation, execution_id: str, state: RunState, error: str
) -> None:
    """End the attempt in the ledger and the audit stream, and send the next one if the policy has one.

    Celery signals some of these endings twice; the ledger takes the first.
    """
    run = installation.ledger.get(execution_id)
    if run is None or run.state is not RunState.RUNNING:
        return
    now = installation.clock()
    ending = ending_of(Failure(error, state=state), run)
    changes: dict[str, Any] = {"error": error, "reason": str(state)}
    if run.started_at is not None:
        changes["duration_ms"] = round((now - run.started_at).total_seconds() * 1000)
    if ending.retry_in is not None:
        changes["retry_at"] = now + ending.retry_in
    ended = installation.ledger.end(run, ending.state, at=now, **changes)
    if ended is None:
        return
    if ending.retry_in is not None:
        send(app, ended, retries=ended.attempt, countdown=ending.retry_in.total_seconds(), expires=None)
    audit_ending(installation.audit, ended, at=now)
