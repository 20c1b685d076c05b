"""Attempts whose process could not record their end: killed at the hard limit, or lost."""

from collections.abc import Callable

from celery import Celery

from mission_control.dispatch.run_ending import RunEnding
from mission_control.events import events
from mission_control.messaging.message import send
from mission_control.model.policies.recovery import is_out_of_time
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from workers.attempt.endings import end_attempt, ending_of
from workers.call.invocation import Failure, timed_out


def end_lost_attempt(
    app: Celery,
    run_ending: RunEnding,
    execution_id: str,
    failure: Failure,
    *,
    is_meant: Callable[[RunRecord], bool],
) -> None:
    """End the attempt in the ledger and the audit stream, and send the next one if the policy has one.

    Celery signals some of these endings twice; the ledger takes the first. `is_meant` says whether the
    run, as the ledger has it, still belongs to the process that was lost. A run that another worker has by
    now is left alone.
    """
    run = run_ending.ledger.get(execution_id)
    if run is None or run.state is not RunState.RUNNING:
        return
    if not is_meant(run):
        events.loss_ignored(run)
        return
    now = run_ending.clock()
    if failure.state is RunState.LOST and is_out_of_time(run, now):
        failure = timed_out(failure.error)  # killed by its own process, which could not reach the ledger
    ending = ending_of(failure, run)
    ended = end_attempt(run, failure, ending, at=now, run_ending=run_ending)
    if ended is None:
        return
    run_ending.record(ended, at=now)
    if ending.retry_in is not None:
        send(app, ended, countdown=ending.retry_in.total_seconds())
