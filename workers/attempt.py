"""One attempt of a run: claim it, run the handler, decide what follows, end it in the ledger."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from celery.exceptions import Ignore, Retry

from mission_control import events
from mission_control.definitions.retry_policy import RetryIn, RetryPolicy, decide_retry
from mission_control.ledger import BeginReply, BeginVerdict, RunState
from workers.invocation import Failure, Handler, Outcome, Success, context_for, invoke
from workers.plain_runs import admit_plain_run

if TYPE_CHECKING:
    from datetime import datetime

    from celery import Task

    from mission_control.installation import Installation
    from mission_control.ledger import RunRecord


class HandlerFailedError(Exception):
    """What Celery is told when a run has failed for good; the text is the handler's error."""


@dataclass(frozen=True)
class Delivery:
    """A message as it reached this process."""

    task: Task
    execution_id: str
    attempt: int
    worker: str
    is_redelivered: bool
    kwargs: dict[str, Any]

    @classmethod
    def of(cls, task: Task, kwargs: dict[str, Any]) -> Delivery:
        """Describe the message that `task` is being run for."""
        request = task.request
        return cls(
            task=task,
            execution_id=request.id,
            attempt=request.retries + 1,
            worker=str(request.hostname),
            is_redelivered=bool((request.delivery_info or {}).get("redelivered")),
            kwargs=kwargs,
        )


@dataclass(frozen=True)
class Ending:
    """What an outcome makes of the run; with `retry_in` another attempt follows."""

    state: RunState
    retry_in: timedelta | None = None


def run_attempt(delivery: Delivery, handler: Handler, installation: Installation) -> dict[str, Any]:
    """Run the attempt a delivery asks for, and return the handler's result to Celery.

    Guarantees: the handler runs only for a claimed attempt; the ledger has the ending before Celery
    hears of it. Does not guarantee that the handler runs once: a worker that dies in it is followed by
    another attempt at the same attempt number.

    Raises:
        Retry: another attempt was sent, to run after the policy's delay.
        HandlerFailedError: the run failed for good.
        Ignore: there was nothing to run.
    """
    run = _claim(delivery, installation)
    events.attempt_begun(run)
    last_success = installation.ledger.history(run.task_id).last_success
    outcome = invoke(handler, context_for(run, last_success_time=last_success))
    finished_at = installation.clock()
    ending = ending_of(outcome, run)
    ended = _end(run, outcome, ending, finished_at, installation)
    delivery.task.request.ended_run = ended  # the signal hook writes its audit record
    return _obey(delivery, outcome, ending)


def ending_of(outcome: Outcome, run: RunRecord) -> Ending:
    """Decide what the outcome of the run's current attempt makes of the run."""
    if isinstance(outcome, Success):
        return Ending(RunState.SUCCESS)
    policy = RetryPolicy.model_validate(run.retry_policy)
    decision = decide_retry(policy, attempt=run.attempt, retryable=outcome.is_retryable)
    if isinstance(decision, RetryIn):
        return Ending(RunState.RETRYING, decision.delay)
    return Ending(outcome.state)


def _claim(delivery: Delivery, installation: Installation) -> RunRecord:
    reply = _begin(delivery, installation)
    if reply.verdict is BeginVerdict.UNKNOWN:
        admit_plain_run(delivery.execution_id, delivery.task.name, delivery.kwargs, installation)
        reply = _begin(delivery, installation)
    if reply.verdict is BeginVerdict.BEGUN and reply.run is not None:
        return reply.run
    if delivery.is_redelivered and reply.run is not None and reply.run.retry_at is not None:
        _send_owed_retry(delivery, reply.run, reply.run.retry_at - installation.clock())
    events.delivery_dropped(delivery.execution_id, delivery.attempt, str(reply.verdict))
    raise Ignore


def _send_owed_retry(delivery: Delivery, run: RunRecord, delay: timedelta) -> None:
    """Send the next attempt if the worker that decided on it may have died before it did.

    If it was sent all the same, the ledger lets one of the two run.
    """
    if run.state is RunState.RETRYING and run.attempt == delivery.attempt:
        raise _retry(delivery.task, HandlerFailedError(str(run.error)), max(delay, timedelta(0)))


def _begin(delivery: Delivery, installation: Installation) -> BeginReply:
    return installation.ledger.begin(
        delivery.execution_id,
        delivery.attempt,
        worker=delivery.worker,
        at=installation.clock(),
        redelivered=delivery.is_redelivered,
    )


def _end(
    run: RunRecord, outcome: Outcome, ending: Ending, finished_at: datetime, installation: Installation
) -> RunRecord:
    changes: dict[str, Any] = {
        "duration_ms": _milliseconds(finished_at, run.started_at),
        "output": outcome.output,
    }
    if isinstance(outcome, Failure):
        changes["error"] = outcome.error
        changes["reason"] = "timed_out" if outcome.state is RunState.TIMED_OUT else None
    if ending.retry_in is not None:
        changes["retry_at"] = finished_at + ending.retry_in
    ended = installation.ledger.end(run, ending.state, at=finished_at, **changes)
    if ended is None:
        events.transition_refused(run.execution_id, ending.state)
        raise Ignore
    if ended.is_fixed_delay and ended.state.is_final:
        installation.registry.reschedule_from(ended.task_id, finished_at)
    return replace(ended, finished_at=finished_at)


def _milliseconds(finished_at: datetime, started_at: datetime | None) -> int | None:
    return None if started_at is None else round((finished_at - started_at).total_seconds() * 1000)


def _obey(delivery: Delivery, outcome: Outcome, ending: Ending) -> dict[str, Any]:
    if isinstance(outcome, Success):
        return {"status": "success", "output": outcome.output, "error": None}
    error = HandlerFailedError(outcome.error)
    if ending.retry_in is None:
        raise error
    raise _retry(delivery.task, error, ending.retry_in)


def _retry(task: Task, error: HandlerFailedError, delay: timedelta) -> Retry:
    """Have another attempt sent, and return what tells Celery so."""
    if task.request.is_eager:
        # Celery would run the next attempt at once, inside this one; in-process runs wait for it outside.
        return Retry(str(error), exc=error, when=delay.total_seconds())
    # The ledger has decided that another attempt follows; Celery's own limit must not overrule it. A run
    # that has started no longer expires.
    return task.retry(
        exc=error,
        countdown=delay.total_seconds(),
        max_retries=task.request.retries + 1,
        expires=None,
        throw=False,
    )
