"""Decides about orphaned runs: send the message again, or end the attempt."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import HARD_LIMIT_GRACE, MOST_DELIVERIES, RunState

LONGEST_GRACE: Final = timedelta(seconds=15)
LONGEST_WAIT: Final = timedelta(minutes=15)
_MOST_DOUBLINGS: Final = 10


@dataclass(frozen=True)
class SendAgain:
    """Send the message again."""


@dataclass(frozen=True)
class EndAttempt:
    """Its attempt is over, or the run is; with `retry_in` another attempt follows."""

    state: RunState
    reason: str
    error: str | None = None
    retry_in: timedelta | None = None


@dataclass(frozen=True)
class LookForTurn:
    """The run waits for another of its task to end: if that is over, send it."""


@dataclass(frozen=True)
class LookForMessage:
    """The run has waited long: if its message exists nowhere, send it again."""


def grace_of(lease: timedelta) -> timedelta:
    """Return how long a message may be on its way before the sweeper looks for it."""
    return min(LONGEST_GRACE, lease)


def of_lapsed(run: RunRecord, *, now: datetime) -> SendAgain | EndAttempt:
    """Decide about a running run whose lease has run out.

    Its worker has died, hangs, or was cut off. The attempt is delivered again until it has been begun
    `MOST_DELIVERIES` times; then it is poison, and lost. If its time limit has passed, it has timed out.
    """
    if run.cancel_requested is not None:
        return EndAttempt(RunState.CANCELLED, run.cancel_requested)
    if is_out_of_time(run, now):
        return _timed_out(run)
    if run.deliveries is not None and run.deliveries >= MOST_DELIVERIES:
        error = f"begun {run.deliveries} times, and its worker was lost each time"
        return EndAttempt(RunState.LOST, "poisoned", error)
    return SendAgain()


def of_waiting(
    run: RunRecord, *, now: datetime, grace: timedelta
) -> LookForMessage | LookForTurn | EndAttempt | None:
    """Decide about a waiting run; None if it may go on waiting."""
    if run.cancel_requested is not None:
        return EndAttempt(RunState.CANCELLED, run.cancel_requested)
    has_begun = run.attempt > 0  # a started run no longer expires
    if not has_begun and run.expires_at is not None and run.expires_at + grace <= now:
        return EndAttempt(RunState.EXPIRED, "not started within expires_seconds")
    if run.waits_for is not None:
        return _of_turn(run, now)
    return LookForMessage() if sent_at(run) + _wait(run, grace) <= now else None


def _of_turn(run: RunRecord, now: datetime) -> LookForTurn | EndAttempt:
    if run.waits_until is not None and run.waits_until < now:
        reason = f"waited for run {run.waits_for} to end, past the grace_seconds of its misfire policy"
        return EndAttempt(RunState.EXPIRED, reason)
    return LookForTurn()


def sent_at(run: RunRecord) -> datetime:
    """Return the latest time at which a waiting run's message should have reached its queue."""
    times = (run.dispatched_at, run.due_at, run.retry_at, run.resent_at, run.released_at)
    return max(one for one in times if one is not None)


def _wait(run: RunRecord, grace: timedelta) -> timedelta:
    """Return how long to wait for the last message: twice as long each time, so that they do not multiply."""
    doubled: timedelta = grace * (1 << min(run.resends, _MOST_DOUBLINGS))
    return min(doubled, LONGEST_WAIT)


def is_out_of_time(run: RunRecord, now: datetime) -> bool:
    """Whether a running attempt has gone on for longer than its handler may take to stop."""
    if run.timeout_seconds is None or run.started_at is None:
        return False
    return run.started_at + timedelta(seconds=run.timeout_seconds) + HARD_LIMIT_GRACE <= now


def _timed_out(run: RunRecord) -> EndAttempt:
    error = "the attempt ran longer than timeout_seconds, and its worker could not record it"
    reason = str(RunState.TIMED_OUT)
    # These models are large, and a beat rarely needs them.
    from mission_control.model.definitions.task_parts import RetryPolicy
    from mission_control.model.policies.retry import RetryIn, decide_retry

    policy = RetryPolicy.model_validate(run.retry_policy)
    decision = decide_retry(policy, attempt=run.attempt, retryable=True)
    if isinstance(decision, RetryIn):
        return EndAttempt(RunState.RETRYING, reason, error, decision.delay)
    return EndAttempt(RunState.TIMED_OUT, reason, error)
