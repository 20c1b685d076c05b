"""Asking the function that is a task's condition, and what its answer makes of the run."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any, Final

from mission_control.audit.record.masking import clean_text
from mission_control.model.runs.run_state import RunState
from workers.call.invocation import Failure, Handler, Outcome, Skipped, Success, invoke, outcome_of
from workers.call.pool_signals import Interruptible

LIMIT_SECONDS: Final = 30.0
"""How long a condition may take; like a handler, it is killed `HARD_LIMIT_GRACE` later if it goes on."""

MET: Final = ""
"""The effect by which a run whose condition was met is known; those of handlers have names."""

FAILED: Final = "condition_failed"
_MOST_SHOWN: Final = 500
_FORM: Final = "it must return True, False, or one of them with a reason, as (False, 'why')"


def ask(
    path: str,
    function: Handler,
    context: dict[str, Any],
    *,
    within: float,
    on_start: Callable[[Interruptible], AbstractContextManager[Any]],
) -> Outcome:
    """Return `Success` if the condition holds, else how the run ends.

    An error, and an answer that does not come `within` so many seconds, are failures, which are retried. An
    answer that is none is one that is not retried. `on_start` enforces the time.

    Raises:
        SystemExit, LeaseLostError, WorkerStopsError: as `invoke`.
    """
    outcome = invoke(function, context, on_start=on_start, judge=partial(answer_of, path))
    if not isinstance(outcome, Failure):
        return outcome
    if outcome.state is RunState.TIMED_OUT:
        return replace(not_in_time(path, within), traceback=outcome.traceback)
    if outcome.state is not RunState.FAILURE or outcome.reason is not None:
        return outcome
    return replace(outcome, error=f"condition {path}: {outcome.error}", reason=FAILED)


def answer_of(path: str, answer: object) -> Outcome:
    """Judge what a condition returned: a bool, or a bool and a reason.

    >>> answer_of("handlers.a.b", (False, "3 of 5 files"))
    Skipped(name='handlers.a.b', seen='3 of 5 files')
    >>> answer_of("handlers.a.b", 1).is_retryable
    False
    """
    holds, reason = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, None)  # noqa: PLR2004
    if not isinstance(holds, bool) or not isinstance(reason, str | None):
        error = f"condition {path} returned {type(answer).__name__}; {_FORM}"
        return Failure(error, is_retryable=False, reason="broken_condition")
    return Success(reason) if holds else Skipped(path, clean_text(reason or "no", _MOST_SHOWN))


def tried(path: str, result: object) -> Outcome:
    """Judge the answer of a condition, or the result of a handler."""
    return answer_of(path, result) if isinstance(result, bool | tuple) else outcome_of(result)


def not_in_time(path: str, within: float) -> Failure:
    """Return the failure of a condition that has not answered in time."""
    return Failure(f"condition {path} did not answer within {within:g} s", reason=FAILED)


def missing(path: str) -> Failure:
    """Return the failure of a condition that this worker does not have; another one may."""
    return Failure(f"condition {path}: this worker has no such function", reason=FAILED)
