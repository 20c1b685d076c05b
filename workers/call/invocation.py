"""Calling a handler: its context, its contract, and its outcome."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from inspect import iscoroutinefunction, unwrap
from types import CoroutineType
from typing import Any, Final, cast

from celery.exceptions import SoftTimeLimitExceeded, WorkerShutdown, WorkerTerminate

from mission_control.audit.record.masking import ERROR_LIMIT, clean_text
from mission_control.ledger.ledger import Ledger
from mission_control.model.problems.messages import shown
from mission_control.model.runs.handler_contract import HandlerContext, UpstreamResult
from mission_control.model.runs.run_record import INTERRUPTED, RunRecord
from mission_control.model.runs.run_state import RunState
from workers.call.context_calls import Once, OnceHere, cooldown_for, spend_for
from workers.call.failure_log import traceback_of
from workers.call.pool_signals import (
    Interruptible,
    LeaseLostError,
    RunCancelledError,
    WorkerStopsError,
    interruptible,
    is_termination,
)

Handler = Callable[[dict[str, Any]], Any]

MAX_OUTPUT_BYTES: Final = 256 * 1024
_RESULT_KEYS: Final = frozenset({"status", "output", "error"})


@dataclass(frozen=True)
class Success:
    """The handler did its work."""

    output: Any


@dataclass(frozen=True)
class Failure:
    """The handler failed; `state` is how the run ends if no further attempt follows.

    `error` is masked and bounded: it is for people, and goes into logs and events. `reason` is one word
    for machines, where there is one; `traceback`, masked and bounded too, is that of the handler's exception.
    """

    error: str
    output: Any = None
    is_retryable: bool = True
    state: RunState = RunState.FAILURE
    reason: str | None = None
    traceback: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "error", clean_text(self.error, ERROR_LIMIT))


@dataclass(frozen=True)
class Skipped:
    """The condition `name` has said no before the handler was called; `seen` is why, masked and bounded."""

    name: str
    seen: str


Outcome = Success | Failure | Skipped


def context_for(
    run: RunRecord,
    params: dict[str, Any],
    *,
    last_success_time: datetime | None,
    ledger: Ledger | None = None,
    upstream: dict[str, UpstreamResult] | None = None,
) -> dict[str, Any]:
    """Return what a handler is called with: `params` are the run's, with references to secrets resolved.

    Without `ledger` the run is one that is recorded nowhere.
    """
    context: HandlerContext = {
        "task_id": run.task_id,
        "scheduled_time": run.scheduled_time,
        "execution_id": run.execution_id,
        "attempt": run.attempt,
        "params": params,
        "trigger": str(run.trigger),
        "upstream": {} if upstream is None else upstream,
        "last_success_time": last_success_time,
        "once": OnceHere() if ledger is None else Once(ledger, run),
        "cooldown": cooldown_for(run, ledger),
        "spend": spend_for(run, ledger),
    }
    return cast("dict[str, Any]", context)


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
        broken = f"the handler broke its contract: {problem}"
        return Failure(broken, is_retryable=False, reason="broken_contract")
    assert isinstance(result, dict)  # noqa: S101  # contract_problem made sure
    output = result.get("output")
    if result["status"] == "success":
        return Success(output)
    error = result.get("error")
    return Failure("the handler returned failure without an error" if error is None else error, output)


def invoke(
    handler: Handler,
    context: dict[str, Any],
    *,
    on_start: Callable[[Interruptible], AbstractContextManager[Any]] = nullcontext,
    judge: Callable[[object], Outcome] = outcome_of,
) -> Outcome:
    """Call a handler and return its outcome; no exception of the handler passes through.

    `sys.exit` and `MemoryError` in a handler are its failure, not the end of the worker. `on_start` takes
    the means to interrupt the handler, and surrounds the call. `judge` makes the outcome of what a handler
    returned. The coroutine of an `async def` is awaited.

    Raises:
        SystemExit: the pool ends this process; the attempt has not ended.
        LeaseLostError: another worker has taken the attempt over.
        WorkerStopsError: the worker ends, and gives the attempt back.
    """
    try:
        with interruptible() as stay, on_start(stay):
            result = handler(context)
            if isinstance(result, CoroutineType):
                result = _awaited(handler, result, stay)
        return result if isinstance(result, Outcome) else judge(result)
    except SoftTimeLimitExceeded as error:
        return timed_out("the handler ran longer than timeout_seconds", traceback=traceback_of(error))
    except RunCancelledError:
        return cancelled()
    except (LeaseLostError, WorkerStopsError):
        raise
    except KeyboardInterrupt:
        return Failure("interrupted from the keyboard", is_retryable=False, reason=INTERRUPTED)
    except SystemExit as error:
        if is_termination(error) or isinstance(error, WorkerShutdown | WorkerTerminate):
            raise
        return Failure(_describe(error), traceback=traceback_of(error))
    except BaseException as error:  # noqa: BLE001  # see above
        return Failure(_describe(error), traceback=traceback_of(error))


def _awaited(handler: Handler, coroutine: "CoroutineType[Any, Any, Any]", stay: Interruptible) -> object:
    if not iscoroutinefunction(unwrap(handler)):
        coroutine.close()  # a plain function forgot to await it: its contract is broken
        return coroutine
    from workers.call.event_loop import run_to_end  # only where handlers are async

    return run_to_end(coroutine, stay)


def timed_out(error: str, *, traceback: str | None = None) -> Failure:
    """Return the failure of an attempt that ran into its time limit."""
    reason = str(RunState.TIMED_OUT)
    return Failure(error, state=RunState.TIMED_OUT, reason=reason, traceback=traceback)


def cancelled() -> Failure:
    """Return the failure of an attempt that was stopped because its run was cancelled."""
    return Failure("stopped on request", is_retryable=False, state=RunState.CANCELLED, reason="cancelled")


def contract_problem(result: object) -> str | None:
    """Return what is wrong with a handler's result, or None.

    >>> print(contract_problem({"status": "ok"}))
    status is 'ok'; it must be "success" or "failure"
    """
    if isinstance(result, CoroutineType):
        return "it returned a coroutine and did not await it; write `async def`, or call asyncio.run"
    if not isinstance(result, dict):
        return f'it returned {type(result).__name__}; it must return a dict with "status", "output", "error"'
    unknown = sorted(str(key) for key in result.keys() - _RESULT_KEYS)
    if unknown:
        return f"it returned unknown keys: {', '.join(shown(key) for key in unknown[:5])}"
    if result.get("status") not in ("success", "failure"):
        return f'status is {shown(result.get("status"))}; it must be "success" or "failure"'
    if not isinstance(result.get("error"), str | None):
        return f"error is {type(result['error']).__name__}; it must be a string or None"
    return _output_problem(result.get("output"))


def _output_problem(output: object) -> str | None:
    try:
        # As the ledger writes it, but strict: NaN, lone surrogates and cycles are refused here.
        size = len(json.dumps(output, ensure_ascii=False, allow_nan=False).encode())
    except (TypeError, ValueError, RecursionError) as error:
        return f"output is not JSON: {error}"
    if size > MAX_OUTPUT_BYTES:
        return (
            f"output is {size} bytes as JSON, more than {MAX_OUTPUT_BYTES}; write a file and return its path"
        )
    return None


def _describe(error: BaseException) -> str:
    name = type(error).__name__
    try:
        text = str(error)
    except Exception as trouble:  # noqa: BLE001  # an exception's __str__ may do anything
        return f"{name} (its text cannot be read: {type(trouble).__name__})"
    return f"{name}: {text}" if text else name
