"""The signal hook: every ending that Celery signals becomes an audit record.

Signals explain, the ledger decides: an ending that the ledger already has, or that a later one has replaced,
adds no second record. The ledger has the endings of the child process (success, retry, failure) before
Celery signals them. Endings that only the parent sees (hard time limit, lost child, expiry, revocation) are
written to the ledger here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from billiard.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded, WorkerLostError
from celery import Celery, Task, signals

from mission_control.dispatch.run_ending import RunEnding
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from workers.attempt.endings import end_lost_attempt
from workers.call.invocation import Failure, timed_out
from workers.plain_clients.plain_runs import PlainMessage, PlainRuns
from workers.plain_clients.unknown_handlers import UnknownHandlers
from workers.process.attempt_request import request_in_hand

_UID: Final = "mission_control"


def connect_signals(hook: SignalHook) -> None:
    """Listen to the endings of the tasks of the hook's application."""
    for signal, receiver in (
        (signals.task_success, hook.on_success),
        (signals.task_retry, hook.on_retry),
        (signals.task_failure, hook.on_failure),
        (signals.task_revoked, hook.on_revoked),
        (signals.task_unknown, hook.on_unknown),
        (signals.task_rejected, hook.on_rejected),
    ):
        # Celery keeps weak references to receivers; the hook lives as long as the process.
        signal.connect(receiver, weak=False, dispatch_uid=f"{_UID}:{receiver.__name__}:{id(hook.app)}")


class SignalHook:
    """Receives Celery's signals for one application."""

    def __init__(
        self, app: Celery, ending: RunEnding, plain_runs: PlainRuns, unknown_handlers: UnknownHandlers
    ) -> None:
        self.app = app
        self._ending = ending
        self._plain_runs = plain_runs
        self._unknown_handlers = unknown_handlers

    def on_success(self, sender: Task, **_: Any) -> None:  # noqa: ANN401  # a signal's arguments
        """Record a success."""
        self._audit_ended(sender)

    def on_retry(self, sender: Task, **_: Any) -> None:  # noqa: ANN401
        """Record a failed attempt that another one follows."""
        self._audit_ended(sender)

    def on_failure(self, sender: Task, task_id: str, exception: BaseException, **_: Any) -> None:  # noqa: ANN401
        """Record a failure: our own in the child, a killed or lost child in the parent."""
        if not self._is_ours(sender):
            return
        is_its_request = sender.request.id == task_id
        if is_its_request and self._audit_ended(sender):
            return
        claimed = getattr(sender.request, "claimed_run", None) if is_its_request else None
        end_lost_attempt(self.app, self._ending, task_id, _failure_of(exception), is_meant=_is_of(claimed))

    def on_revoked(self, sender: Task, request: Any, expired: bool, **_: Any) -> None:  # noqa: ANN401
        """Record a run that expired before it was started, or was revoked; also one of a plain client."""
        if not self._is_ours(sender):
            return
        state = RunState.EXPIRED if expired else RunState.CANCELLED
        reason = "not started within expires_seconds" if expired else "revoked"
        run = self._ending.ledger.get(request.id)
        if run is None:
            run = self._plain_runs.admitted(PlainMessage.of(self.app, sender.name, request))
        if run is None:
            return
        if run.state is not RunState.RUNNING or _is_of(None)(run):
            self._ending.close(run, state, reason)
        elif not expired:  # it runs elsewhere; a started run no longer expires
            self._ending.ledger.ask_to_cancel(run.execution_id, reason)

    def on_unknown(self, sender: Any, message: Any, name: str, id: str, **_: Any) -> None:  # noqa: A002, ANN401
        """Pass on a message for a handler that this worker does not have, or let its run wait."""
        self._unknown_handlers.see_to(name, id, message, str(sender.hostname))

    def on_rejected(self, message: Any, exc: BaseException | None = None, **_: Any) -> None:  # noqa: ANN401
        """Record a message that is not a task message."""
        headers = message.headers if isinstance(message.headers, dict) else {}
        name, execution_id = str(headers.get("task", "unknown")), headers.get("id")
        self._ending.reject(
            handler=name,
            execution_id=None if execution_id is None else str(execution_id),
            reason=f"not a task message: {exc}",
        )

    def _is_ours(self, sender: Any) -> bool:  # noqa: ANN401
        return getattr(sender, "app", None) is self.app

    def _audit_ended(self, sender: Task) -> bool:
        ended: RunRecord | None = (
            getattr(sender.request, "ended_run", None) if self._is_ours(sender) else None
        )
        if ended is None:
            return False
        at = ended.finished_at if ended.finished_at is not None else self._ending.clock()
        self._ending.record(ended, at=at, has_log=getattr(sender.request, "has_log", True))
        return True


def _is_of(claimed: RunRecord | None) -> Callable[[RunRecord], bool]:
    """Return a predicate: whether a run belongs to the process that Celery's signal is about.

    The process that has `claimed` the run compares fences. The parent, which has claimed nothing, knows which
    of its processes ran the message; no other process may end the attempt.
    """
    if claimed is not None:
        return lambda run: run.fence == claimed.fence
    request = request_in_hand()
    return lambda run: request is not None and request.has_begun(run)


def _failure_of(exception: BaseException) -> Failure:
    """Return the failure that an exception in a Celery signal stands for."""
    match exception:
        case TimeLimitExceeded():
            return timed_out("the handler did not stop at timeout_seconds and was killed")
        case SoftTimeLimitExceeded():
            return timed_out("the attempt ran longer than timeout_seconds")
        case WorkerLostError():
            error = f"the handler's process died: {exception}"
            return Failure(error, state=RunState.LOST, reason=str(RunState.LOST))
        case _:
            return Failure(f"{type(exception).__name__}: {exception}")
