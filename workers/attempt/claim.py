"""Claiming the attempt that a message asks for; dropping or rejecting a message without one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from celery import Task
from celery.exceptions import Ignore, Reject

from mission_control.dispatch.run_ending import RunEnding
from mission_control.events import events
from mission_control.ledger.claims import BeginReply, BeginVerdict
from mission_control.model.runs.run_limits import MOST_DELIVERIES
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from workers.plain_clients.plain_messages import PlainMessage
from workers.plain_clients.plain_runs import PlainRuns

POISONED_ERROR: Final = f"begun {MOST_DELIVERIES} times, and its worker was gone each time"


@dataclass(frozen=True)
class Delivery:
    """A message as it reached this process."""

    task: Task
    execution_id: str
    attempt: int
    worker: str

    @classmethod
    def of(cls, task: Task) -> Delivery:
        """Describe the message that `task` runs for."""
        request = task.request
        return cls(
            task=task,
            execution_id=request.id,
            attempt=request.retries + 1,
            worker=str(request.hostname),
        )


@dataclass(frozen=True)
class Claim:
    """An attempt that this process runs, and when a run of its task last succeeded."""

    run: RunRecord
    last_success: datetime | None


@dataclass(frozen=True)
class Claimer:
    """Claims attempts for this process."""

    ending: RunEnding
    plain_runs: PlainRuns

    def claim(self, delivery: Delivery) -> Claim:
        """Claim the attempt that a delivery asks for.

        A delivery without an attempt to run is dropped: its run is over, or another worker has it. If that
        worker dies, the sweep sends the run again.

        Raises:
            Ignore: there is nothing to run.
            Reject: the message must not run, which is recorded.
            RedisError: Redis cannot be reached, or refuses.
        """
        reply = self._begin(delivery)
        if reply.verdict is BeginVerdict.UNKNOWN:
            self.plain_runs.admit(
                PlainMessage.of(delivery.task.app, delivery.task.name, delivery.task.request)
            )
            reply = self._begin(delivery)
        if reply.verdict is BeginVerdict.BEGUN and reply.run is not None:
            self._record_lost(reply)
            return Claim(reply.run, reply.last_success)
        self._refuse(delivery, reply)
        events.delivery_dropped(delivery.execution_id, delivery.attempt, str(reply.verdict))
        raise Ignore

    def _begin(self, delivery: Delivery) -> BeginReply:
        return self.ending.ledger.begin(
            delivery.execution_id,
            delivery.attempt,
            worker=delivery.worker,
            at=self.ending.clock(),
            handler=delivery.task.name,
        )

    def _record_lost(self, reply: BeginReply) -> None:
        """Record that the worker of the previous claim is lost."""
        if reply.lost is not None and reply.run is not None and reply.run.started_at is not None:
            self.ending.record(reply.lost, at=reply.run.started_at)

    def _refuse(self, delivery: Delivery, reply: BeginReply) -> None:
        """End a run that must not begin again; reject a message that does not belong to its run."""
        match reply.verdict:
            case BeginVerdict.CANCEL if reply.run is not None:
                self.ending.close(reply.run, RunState.CANCELLED, reply.run.cancel_requested)
            case BeginVerdict.POISONED if reply.run is not None:
                self.ending.close(reply.run, RunState.LOST, "poisoned", error=POISONED_ERROR)
            case BeginVerdict.FOREIGN if reply.run is not None:
                self._reject(delivery, f"run {delivery.execution_id} belongs to {reply.run.handler}")
            case BeginVerdict.UNREADABLE:
                self._reject(delivery, f"the ledger's key of {delivery.execution_id} is not a run")

    def _reject(self, delivery: Delivery, problem: str) -> None:
        self.ending.reject(handler=delivery.task.name, execution_id=delivery.execution_id, reason=problem)
        raise Reject(problem, requeue=False)
