"""One attempt of a run: claim it, run the handler, decide what follows, end it in the ledger."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from celery.exceptions import Ignore, Reject, Retry
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from mission_control import events
from mission_control.audit.masking import clean_value
from mission_control.ledger import BeginReply, BeginVerdict, RunState
from mission_control.messaging.message import send
from mission_control.run_audit import audit_ending
from workers.endings import Ending, end_attempt, ending_of
from workers.invocation import Handler, Outcome, Success, context_for, invoke
from workers.plain_runs import admit_plain_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from celery import Task

    from mission_control.installation import Installation
    from mission_control.ledger import RunRecord


SHOWN_OUTPUT: Final = 1_024
PAUSE_FOR_REDIS_SECONDS: Final = 1.0
ASK_AGAIN_SECONDS: Final = 30.0
_ASKS_AGAIN: Final = "mission_control_asks_again"


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
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @classmethod
    def of(cls, task: Task, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Delivery:
        """Describe the message that `task` is being run for."""
        request = task.request
        return cls(
            task=task,
            execution_id=request.id,
            attempt=request.retries + 1,
            worker=str(request.hostname),
            is_redelivered=_is_redelivered(request),
            args=args,
            kwargs=kwargs,
        )


def run_attempt(delivery: Delivery, handler: Handler, installation: Installation) -> dict[str, Any]:
    """Run the attempt a delivery asks for, and return the handler's result, masked and bounded, to Celery.

    Guarantees: the handler runs only for a claimed attempt; the ledger has the ending before Celery
    hears of it. Does not guarantee that the handler runs once: a worker that dies in it is followed by
    another attempt at the same attempt number.

    Raises:
        Retry: another attempt was sent, to run after the policy's delay.
        HandlerFailedError: the run failed for good.
        Ignore: there was nothing to run.
        Reject: Redis was not there to claim the run or to send its retry; the message goes back.
    """
    try:
        run = _claim(delivery, installation)
        last_success = installation.ledger.history(run.task_id).last_success
    except RedisError as error:
        raise _give_back(delivery, error) from error
    events.attempt_begun(run)
    outcome = invoke(handler, context_for(run, last_success_time=last_success))
    finished_at = installation.clock()
    ending = ending_of(outcome, run)
    end = partial(end_attempt, run, outcome, ending, at=finished_at, installation=installation)
    ended = _persist(delivery, end)
    if ended is None:
        events.transition_refused(run.execution_id, ending.state)
        raise Ignore
    delivery.task.request.ended_run = ended  # the signal hook writes its audit record
    try:
        return _obey(delivery, outcome, ending)
    except OperationalError as error:  # the retry was not sent; whoever is given this message sends it
        audit_ending(installation.audit, ended, at=finished_at)
        raise _give_back(delivery, error) from error


def _claim(delivery: Delivery, installation: Installation) -> RunRecord:
    reply = _begin(delivery, installation)
    if reply.verdict is BeginVerdict.UNKNOWN:
        admit_plain_run(
            delivery.execution_id, delivery.task.name, delivery.args, delivery.kwargs, installation
        )
        reply = _begin(delivery, installation)
    if reply.verdict is BeginVerdict.BEGUN and reply.run is not None:
        return reply.run
    if delivery.is_redelivered and reply.run is not None:
        _follow_up(delivery, reply.verdict, reply.run, installation)
    events.delivery_dropped(delivery.execution_id, delivery.attempt, str(reply.verdict))
    raise Ignore


def _follow_up(delivery: Delivery, verdict: BeginVerdict, run: RunRecord, installation: Installation) -> None:
    """See to it that a run whose message came back goes on, although this delivery may not run it."""
    if verdict is BeginVerdict.RUNNING:
        # Its worker lives, but holds no message any more. Should it die, somebody has to take over.
        again = {"retries": delivery.attempt - 1, "headers": {_ASKS_AGAIN: True}, "expires": None}
        send(delivery.task.app, run, countdown=ASK_AGAIN_SECONDS, **again)
    elif run.state is RunState.RETRYING and run.attempt == delivery.attempt and run.retry_at is not None:
        # The worker that decided on the next attempt may have died before it sent it. If it was sent all
        # the same, the ledger lets one of the two run.
        wait = max(run.retry_at - installation.clock(), timedelta(0))
        raise _retry(delivery.task, HandlerFailedError(str(run.error)), wait)


def _is_redelivered(request: Any) -> bool:  # noqa: ANN401  # Celery's own type
    info = request.delivery_info if request.delivery_info is not None else {}
    return bool(info.get("redelivered")) or getattr(request, _ASKS_AGAIN, False) is True


def _begin(delivery: Delivery, installation: Installation) -> BeginReply:
    return installation.ledger.begin(
        delivery.execution_id,
        delivery.attempt,
        worker=delivery.worker,
        at=installation.clock(),
        redelivered=delivery.is_redelivered,
    )


def _persist(delivery: Delivery, end: Callable[[], RunRecord | None]) -> RunRecord | None:
    """End the attempt, however long Redis may be away: what a handler has done must not be forgotten."""
    while True:
        try:
            return end()
        except RedisError as error:
            _pause(delivery, error)


def _give_back(delivery: Delivery, error: Exception) -> Reject:
    """Return what tells Celery to put the message back on its queue."""
    _pause(delivery, error)
    return Reject(f"given back: {error}", requeue=True)


def _pause(delivery: Delivery, error: Exception) -> None:
    """Wait a moment for Redis; a program that runs the handler in its own process is told at once."""
    if delivery.task.request.is_eager:
        raise error
    events.waiting_for_redis(error)
    time.sleep(PAUSE_FOR_REDIS_SECONDS)


def _obey(delivery: Delivery, outcome: Outcome, ending: Ending) -> dict[str, Any]:
    if isinstance(outcome, Success):
        # Celery puts what it is given into its log and into events; the ledger has the output itself.
        return {"status": "success", "output": clean_value(outcome.output, SHOWN_OUTPUT), "error": None}
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
