"""Calling a handler: its context, its contract, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from celery.exceptions import SoftTimeLimitExceeded

from mission_control.ledger import RunState

if TYPE_CHECKING:
    from datetime import datetime

    from mission_control.ledger import RunRecord

Handler = Callable[[dict[str, Any]], dict[str, Any]]

MAX_OUTPUT_BYTES: Final = 256 * 1024
_RESULT_KEYS: Final = frozenset({"status", "output", "error"})


@dataclass(frozen=True)
class Success:
    """The handler did its work."""

    output: Any


@dataclass(frozen=True)
class Failure:
    """The handler did not; `state` is how the run ends if no further attempt follows."""

    error: str
    output: Any = None
    is_retryable: bool = True
    state: RunState = RunState.FAILURE


Outcome = Success | Failure


def context_for(run: RunRecord, *, last_success_time: datetime | None) -> dict[str, Any]:
    """Return what a handler is called with. A fresh dict each time: a handler may change it."""
    return {
        "task_id": run.task_id,
        "scheduled_time": run.scheduled_time,
        "execution_id": run.execution_id,
        "attempt": run.attempt,
        "params": run.params,
        "trigger": str(run.trigger),
        "upstream": {},
        "last_success_time": last_success_time,
    }


def invoke(handler: Handler, context: dict[str, Any]) -> Outcome:
    """Call a handler and say what became of it; nothing it raises gets past.

    `sys.exit` and `MemoryError` in a handler are its failure, not the end of the worker.
    """
    try:
        result = handler(context)
    except SoftTimeLimitExceeded:
        return Failure("the handler ran longer than timeout_seconds", state=RunState.TIMED_OUT)
    except BaseException as error:  # noqa: BLE001  # see above
        return Failure(_describe(error))
    return outcome_of(result)


def outcome_of(result: object) -> Outcome:
    """Judge what a handler returned by the contract: `{"status", "output", "error"}`.

    >>> outcome_of({"status": "success", "output": "sent"})
    Success(output='sent')
    >>> outcome_of({"status": "failure", "error": "no answer"}).is_retryable
    True
    >>> outcome_of(None).is_retryable
    False
    """
    problem = contract_problem(result)
    if problem is not None:
        return Failure(f"the handler broke its contract: {problem}", is_retryable=False)
    assert isinstance(result, dict)  # noqa: S101  # contract_problem made sure
    output = result.get("output")
    if result["status"] == "success":
        return Success(output)
    error = result.get("error")
    return Failure("the handler returned failure without an error" if error is None else error, output)


def contract_problem(result: object) -> str | None:
    """Return what is wrong with a handler's result, or None.

    >>> print(contract_problem({"status": "ok"}))
    status is 'ok'; it must be "success" or "failure"
    """
    if not isinstance(result, dict):
        return f'it returned {type(result).__name__}; it must return a dict with "status", "output", "error"'
    unknown = sorted(str(key) for key in result.keys() - _RESULT_KEYS)
    if unknown:
        return f"it returned unknown keys: {', '.join(unknown)[:80]}"
    if result.get("status") not in ("success", "failure"):
        return f'status is {result.get("status")!r}; it must be "success" or "failure"'
    if not isinstance(result.get("error"), str | None):
        return f"error is {type(result['error']).__name__}; it must be a string or None"
    return _output_problem(result.get("output"))


def _output_problem(output: object) -> str | None:
    try:
        size = len(orjson.dumps(output))
    except TypeError as error:  # orjson's error for everything it cannot write
        return f"output is not JSON: {error}"
    if size > MAX_OUTPUT_BYTES:
        return (
            f"output is {size} bytes as JSON, more than {MAX_OUTPUT_BYTES}; write a file and return its path"
        )
    return None


def _describe(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
