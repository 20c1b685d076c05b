"""How an attempt ends: decide what its outcome makes of the run, and write that to the ledger."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from celery import Celery

from mission_control.dispatch.run_ending import RunEnding
from mission_control.events import events
from mission_control.ledger.ledger import Ledger
from mission_control.messaging.message import send
from mission_control.model.definitions.task_parts import RetryPolicy
from mission_control.model.policies.condition import cause_of_condition
from mission_control.model.policies.recovery import is_out_of_time
from mission_control.model.policies.retry import RetryIn, decide_retry
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from workers.call.invocation import Failure, Outcome, Skipped, Success, timed_out


@dataclass(frozen=True)
class Ending:
    """What an outcome makes of the run; with `retry_in` another attempt follows."""

    state: RunState
    retry_in: timedelta | None = None


def ending_of(outcome: Outcome, run: RunRecord) -> Ending:
    """Decide what the outcome of the run's current attempt makes of the run."""
    if isinstance(outcome, Success | Skipped):
        return Ending(RunState.SUCCESS if isinstance(outcome, Success) else RunState.SKIPPED)
    policy = RetryPolicy.model_validate(run.retry_policy)
    decision = decide_retry(policy, attempt=run.attempt, retryable=outcome.is_retryable)
    if isinstance(decision, RetryIn):
        return Ending(RunState.RETRYING, decision.delay)
    return Ending(outcome.state)


def end_attempt(
    run: RunRecord, outcome: Outcome, ending: Ending, *, at: datetime, run_ending: RunEnding
) -> RunRecord | None:
    """Write to the ledger how the attempt of a run ended, and return the run as it stands then.

    None if the ledger refused, because another worker has the run now, or the sweep has ended it. Repeated
    after a lost answer, with the same `at`, it returns what was written the first time.
    """
    changes = _changes(outcome, ending, at)
    ended = run_ending.end(run, ending.state, at=at, **changes)
    if ended is None:
        ended = _written_before(run, ending, at, run_ending.ledger)
    if ended is None or ended.finished_at is not None:
        return ended
    return replace(ended, finished_at=at)  # of the attempt; another one follows


def _written_before(run: RunRecord, ending: Ending, at: datetime, ledger: Ledger) -> RunRecord | None:
    stored = ledger.get(run.execution_id)
    ours = (ending.state, run.attempt, run.worker, run.started_at)
    if stored is None or (stored.state, stored.attempt, stored.worker, stored.started_at) != ours:
        return None
    # The sweep may have come to the same: its times are others, and it writes the record.
    is_ours = stored.finished_at == at if ending.retry_in is None else stored.retry_at == at + ending.retry_in
    return stored if is_ours else None


def _changes(outcome: Outcome, ending: Ending, at: datetime) -> dict[str, Any]:
    if isinstance(outcome, Skipped):
        cause = cause_of_condition(outcome.name).to_dict()
        return {"reason": f"condition {outcome.name}: {outcome.seen}", "cause": cause}
    changes: dict[str, Any] = {"output": outcome.output}
    if isinstance(outcome, Failure):
        changes["error"] = outcome.error
        changes["reason"] = outcome.reason
    if ending.retry_in is not None:
        changes["retry_at"] = at + ending.retry_in
    return changes


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
