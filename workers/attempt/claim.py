"""Claiming the attempt that a message asks for, and what becomes of a message that is given none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from celery.exceptions import Ignore, Reject

from mission_control.audit.endings import audit_ending, audit_rejection
from mission_control.dispatch.run_ending import close_run
from mission_control.events import events
from mission_control.ledger.claims import BeginReply, BeginVerdict
from mission_control.messaging.message import send
from mission_control.model.runs.run_limits import MOST_DELIVERIES
from mission_control.model.runs.run_state import RunState
from workers.plain_clients.plain_messages import PlainMessage
from workers.plain_clients.plain_runs import admit_plain_run

if TYPE_CHECKING:
    from datetime import datetime

    from celery import Task

    from mission_control.installation.installation import Installation
    from mission_control.model.runs.run_record import RunRecord

# Short enough for the message to wait in a worker's memory: nobody is needed then to release it.
LONGEST_WAIT: Final = timedelta(seconds=30)
POISONED_ERROR: Final = f"begun {MOST_DELIVERIES} times, and whoever ran it was gone each time"
_ASKS_AGAIN: Final = "mission_control_asks_again"
# A lease that has just run out by the server's clock has run out for certain.
_AFTER_LEASE: Final = timedelta(seconds=0.5)


@dataclass(frozen=True)
class Delivery:
    """A message as it reached this process."""

    task: Task
    execution_id: str
    attempt: int
    worker: str
    is_redelivered: bool

    @classmethod
    def of(cls, task: Task) -> Delivery:
        """Describe the message that `task` is being run for."""
        request = task.request
        return cls(
            task=task,
            execution_id=request.id,
            attempt=request.retries + 1,
            worker=str(request.hostname),
            is_redelivered=_is_redelivered(request),
        )


@dataclass(frozen=True)
class Claim:
    """An attempt that is this process's to run, and when a run of its task last succeeded."""

    run: RunRecord
    last_success: datetime | None


@dataclass(frozen=True)
class UnsentRetry:
    """A retry that was decided on, and that whoever decided on it may have died before sending."""

    run: RunRecord


def claim(delivery: Delivery, installation: Installation) -> Claim | UnsentRetry:
    """Claim the attempt that a delivery asks for.

    A delivery that is given none is dropped, since the ledger knows what becomes of its run: it is over, or
    somebody has it. One that was delivered before, and finds its run under somebody's lease, comes back
    when that lease has run out; meanwhile it holds no slot of the pool.

    Raises:
        Ignore: there is nothing to run.
        Reject: the message is not one to run, which is recorded.
        RedisError: Redis could not be asked.
    """
    reply = _begin(delivery, installation)
    if reply.verdict is BeginVerdict.UNKNOWN:
        admit_plain_run(PlainMessage.of(delivery.task, delivery.task.request), installation)
        reply = _begin(delivery, installation)
    if reply.verdict is BeginVerdict.BEGUN and reply.run is not None:
        _record_lost(reply, installation)
        return Claim(reply.run, reply.last_success)
    _refuse(delivery, reply, installation)
    if reply.run is not None and delivery.is_redelivered:
        if reply.verdict is BeginVerdict.RUNNING:
            _ask_again(delivery, reply.run, reply.lease_left)
        elif reply.run.state is RunState.RETRYING and reply.run.attempt == delivery.attempt:
            return UnsentRetry(reply.run)
    events.delivery_dropped(delivery.execution_id, delivery.attempt, str(reply.verdict))
    raise Ignore


def _begin(delivery: Delivery, installation: Installation) -> BeginReply:
    return installation.ledger.begin(
        delivery.execution_id,
        delivery.attempt,
        worker=delivery.worker,
        at=installation.clock(),
        handler=delivery.task.name,
    )


def _record_lost(reply: BeginReply, installation: Installation) -> None:
    """Record that the worker which had the attempt before is lost."""
    if reply.lost is not None and reply.run is not None and reply.run.started_at is not None:
        audit_ending(installation.audit, reply.lost, at=reply.run.started_at)


def _ask_again(delivery: Delivery, run: RunRecord, lease_left: timedelta) -> None:
    # Whoever runs it lives, but holds no message any more. Should it die, somebody has to take over.
    again = {"retries": delivery.attempt - 1, "headers": {_ASKS_AGAIN: True}, "expires": None}
    wait = min(lease_left + _AFTER_LEASE, LONGEST_WAIT)
    send(delivery.task.app, run, countdown=wait.total_seconds(), **again)


def _refuse(delivery: Delivery, reply: BeginReply, installation: Installation) -> None:
    """End a run that must not be begun again; refuse a message that is not its run's."""
    match reply.verdict:
        case BeginVerdict.CANCELLED if reply.run is not None:
            close_run(installation, reply.run, RunState.CANCELLED, reply.run.cancel_requested)
        case BeginVerdict.POISONED if reply.run is not None:
            close_run(installation, reply.run, RunState.LOST, "poisoned", error=POISONED_ERROR)
        case BeginVerdict.FOREIGN if reply.run is not None:
            _reject(delivery, f"run {delivery.execution_id} is {reply.run.handler}'s", installation)
        case BeginVerdict.UNREADABLE:
            _reject(delivery, f"what the ledger has of {delivery.execution_id} is no run", installation)


def _reject(delivery: Delivery, problem: str, installation: Installation) -> None:
    audit_rejection(
        installation.audit,
        handler=delivery.task.name,
        execution_id=delivery.execution_id,
        reason=problem,
        at=installation.clock(),
    )
    raise Reject(problem, requeue=False)


def _is_redelivered(request: Any) -> bool:  # noqa: ANN401  # Celery's own type
    info = request.delivery_info if request.delivery_info is not None else {}
    return bool(info.get("redelivered")) or getattr(request, _ASKS_AGAIN, False) is True
