"""Claiming the attempt that a message asks for; dropping or rejecting a message without one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from celery import Task
from celery.exceptions import Ignore, Reject

from mission_control.dispatch.run_ending import RunEnding
from mission_control.events import events
from mission_control.ledger.claims import EARLY_BY, BeginReply, BeginVerdict
from mission_control.model.runs.handler_contract import UpstreamResult
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import MOST_DELIVERIES, RunState
from workers.plain_clients.plain_runs import PlainMessage, PlainRuns

_REPLAYED: Final = frozenset({BeginVerdict.FINISHED, BeginVerdict.HELD, BeginVerdict.STALE})
_STOPPED_BY_BUDGET: Final = {
    RunState.DISPATCHED: RunState.SKIPPED,
    RunState.RETRYING: RunState.FAILURE,
}
"""How a run ends that a budget does not allow to begin, or to go on; one that has lost its worker is lost."""

_EARLY: Final = (
    "the message is forged, or the clocks of its sender, beat, this host and Redis differ: set them by NTP"
)
POISONED_ERROR: Final = f"begun {MOST_DELIVERIES} times, and its worker was gone each time"


@dataclass(frozen=True)
class Claim:
    """An attempt that this process runs, when a run of its task last succeeded, and what it came after."""

    run: RunRecord
    last_success: datetime | None
    upstream: dict[str, UpstreamResult] = field(default_factory=dict)


@dataclass(frozen=True)
class Claimer:
    """Claims attempts for this process."""

    ending: RunEnding
    plain_runs: PlainRuns

    def claim(self, task: Task) -> Claim:
        """Claim the attempt that a task's current message asks for.

        A message without an attempt to run is dropped: its run is over, or another worker has it. If that
        worker dies, the sweep sends the run again. Over a limit it is parked, over a budget ended.

        Raises:
            Ignore: there is nothing to run.
            Reject: the message must not run, which is recorded.
            RedisError: Redis cannot be reached, or refuses.
        """
        reply = self._begin(task)
        if reply.verdict is BeginVerdict.UNKNOWN:
            self.plain_runs.admit(PlainMessage.of(task.app, task.name, task.request))
            reply = self._begin(task)
        if reply.verdict is BeginVerdict.BEGUN and reply.run is not None:
            self._record_lost(reply)
            return Claim(reply.run, reply.last_success)
        if reply.verdict is BeginVerdict.LIMITED and reply.run is not None:
            self.ending.ledger.expire_parked(reply.run)
            events.run_limited(reply.run)
            raise Ignore
        if reply.verdict is BeginVerdict.OVER_BUDGET and reply.run is not None:
            state = _STOPPED_BY_BUDGET.get(reply.run.state, RunState.LOST)
            self.ending.close(reply.run, state, reply.problem, error=reply.run.error, cause=reply.cause)
            events.run_over_budget(task.request.id, reply.problem)
            raise Ignore
        self._refuse(task, reply)
        self._refuse_replay(task, reply)
        events.delivery_dropped(task.request.id, _attempt(task), str(reply.verdict))
        raise Ignore

    def _begin(self, task: Task) -> BeginReply:
        worker, now = str(task.request.hostname), self.ending.clock()
        early_by = None if task.request.is_eager else EARLY_BY  # no message: this program has waited
        return self.ending.ledger.begin(
            task.request.id, _attempt(task), worker=worker, at=now, handler=task.name, early_by=early_by
        )

    def _record_lost(self, reply: BeginReply) -> None:
        """Record that the worker of the previous claim is lost."""
        if reply.lost is not None and reply.run is not None and reply.run.started_at is not None:
            self.ending.record(reply.lost, at=reply.run.started_at)

    def _refuse(self, task: Task, reply: BeginReply) -> None:
        """End a run that must not begin again; reject a message that does not belong to its run."""
        match reply.verdict:
            case BeginVerdict.CANCEL if reply.run is not None:
                self.ending.close(reply.run, RunState.CANCELLED, reply.run.cancel_requested)
            case BeginVerdict.POISONED if reply.run is not None:
                self.ending.close(reply.run, RunState.LOST, "poisoned", error=POISONED_ERROR)
            case BeginVerdict.FOREIGN if reply.run is not None:
                self._reject(task, f"run {task.request.id} belongs to {reply.run.handler}")
            case BeginVerdict.EARLY:
                self._reject(task, f"run {task.request.id} is not due yet: {_EARLY}")
            case BeginVerdict.UNREADABLE:
                self._reject(task, f"the ledger's key of {task.request.id} is not a run")
            case BeginVerdict.UNSIGNED if reply.run is not None:
                problem = f"run {task.request.id} in the ledger: {reply.problem}"
                self.ending.close(reply.run, RunState.CANCELLED, problem)
                self._reject(task, problem)

    def _refuse_replay(self, task: Task, reply: BeginReply) -> None:
        """Where runs are signed, record a message whose attempt was begun and that is not delivered again."""
        is_again = task.request.is_eager or (task.request.delivery_info or {}).get("redelivered")
        if self.ending.ledger.keyring and reply.verdict in _REPLAYED and not is_again:
            self._reject(task, f"replayed, or sent twice: attempt {_attempt(task)} was begun before")

    def _reject(self, task: Task, problem: str) -> None:
        events.message_refused(task.request.id, problem)
        self.ending.reject(handler=task.name, execution_id=task.request.id, reason=problem)
        raise Reject(problem, requeue=False)


def _attempt(task: Task) -> int:
    return int(task.request.retries) + 1
