"""What the answer of a function that is a condition makes of its run."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from mission_control.model.runs.run_state import RunState
from workers.call.condition import ask
from workers.call.invocation import Failure, Outcome, Skipped, Success
from workers.call.pool_signals import LeaseLostError, RunCancelledError

PATH = "handlers.conditions.on_call"


def asked(answer: Any) -> Outcome:
    def function(_context: dict[str, Any]) -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return ask(PATH, function, {}, within=30, on_start=nullcontext)


@pytest.mark.parametrize("answer", [True, (True, None), (True, "all there")])
def test_yes_lets_the_handler_run(answer: object) -> None:
    assert isinstance(asked(answer), Success)


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (False, "no"),
        ((False, None), "no"),
        ((False, "3 of 5 files"), "3 of 5 files"),
        ((False, "password=hunter2"), "password=***"),
    ],
)
def test_no_skips_the_run_with_the_reason_masked(answer: object, seen: str) -> None:
    assert asked(answer) == Skipped(PATH, seen)


def test_reason_is_bounded() -> None:
    skipped = asked((False, "x" * 1_000_000))
    assert isinstance(skipped, Skipped)
    assert len(skipped.seen) < 600


@pytest.mark.parametrize(
    "answer", [None, 1, 0, "yes", (), (True,), (1, "why"), (False, 3), (True, "a", "b"), [True, "a"], {}]
)
def test_answer_that_is_none_is_a_failure_that_is_not_retried(answer: object) -> None:
    failure = asked(answer)
    assert isinstance(failure, Failure)
    assert (failure.reason, failure.is_retryable) == ("broken_condition", False)
    assert failure.error.startswith(f"condition {PATH} returned {type(answer).__name__}; it must return True")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionError("refused"), "ConnectionError: refused"),
        (SystemExit(3), "SystemExit: 3"),
        (MemoryError("no room"), "MemoryError: no room"),
    ],
)
def test_error_is_a_failure_named_so_that_is_retried(error: BaseException, text: str) -> None:
    failure = asked(error)
    assert isinstance(failure, Failure)
    assert failure.error == f"condition {PATH}: {text}"
    assert (failure.reason, failure.is_retryable, failure.state) == (
        "condition_failed",
        True,
        RunState.FAILURE,
    )


def test_condition_that_hangs_is_a_failure_named_so() -> None:
    failure = asked(SoftTimeLimitExceeded())
    assert isinstance(failure, Failure)
    assert failure.error == f"condition {PATH} did not answer within 30 s"
    assert (failure.reason, failure.state) == ("condition_failed", RunState.FAILURE)


def test_cancelled_run_and_lost_lease_are_no_failure_of_the_condition() -> None:
    cancelled = asked(RunCancelledError())
    assert isinstance(cancelled, Failure)
    assert (cancelled.state, cancelled.reason) == (RunState.CANCELLED, "cancelled")
    with pytest.raises(LeaseLostError):
        asked(LeaseLostError())
