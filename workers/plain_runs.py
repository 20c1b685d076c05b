"""Runs of plain Celery clients: messages that the ledger hears of when they are claimed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from celery.exceptions import Reject

from mission_control.definitions.identifiers import split_execution_id, task_id_problem
from mission_control.ledger import RunRecord, Trigger
from mission_control.run_audit import audit_rejection

if TYPE_CHECKING:
    from mission_control.installation import Installation

_KNOWN_ARGUMENTS: Final = frozenset({"params", "task_id", "scheduled_time", "execution_id"})


def admit_plain_run(
    execution_id: str,
    handler: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    installation: Installation,
) -> None:
    """Enter a run that the ledger does not know, so that it is claimed and recorded like any other.

    A message that names a task of ours with that task's handler (as one sent by a stock RedBeat beat
    does) runs with the task's params and retry policy; every other one runs with its own `params`, and
    is not retried.

    Raises:
        Reject: plain producers are not allowed here, or the arguments are not a handler's; recorded.
    """
    problem = _problem(args, kwargs, allowed=installation.settings.allow_plain_producers)
    if problem is not None:
        audit_rejection(
            installation.audit,
            handler=handler,
            execution_id=execution_id,
            reason=problem,
            at=installation.clock(),
        )
        raise Reject(problem, requeue=False)
    installation.ledger.dispatch(_run(execution_id, handler, kwargs, installation))


def _problem(args: tuple[Any, ...], kwargs: dict[str, Any], *, allowed: bool) -> str | None:
    if not allowed:
        return "unknown to the ledger, and MISSION_CONTROL_ALLOW_PLAIN_PRODUCERS is off"
    if args:
        return "positional arguments, which a handler does not take; send kwargs={'params': …}"
    unknown = sorted(kwargs.keys() - _KNOWN_ARGUMENTS)
    if unknown:
        return f"arguments a handler does not take: {', '.join(unknown)[:80]}; send kwargs={{'params': …}}"
    if not isinstance(kwargs.get("params", {}), dict):
        return f"params is {type(kwargs['params']).__name__}; it must be an object"
    return None


def _run(execution_id: str, handler: str, kwargs: dict[str, Any], installation: Installation) -> RunRecord:
    now = installation.clock()
    named = _named_task(execution_id, kwargs)
    task = None if named is None else installation.registry.definition(named)
    if task is not None and task.handler != handler:
        named, task = None, None  # it may not see another handler's params
    return RunRecord(
        execution_id=execution_id,
        task_id=handler if named is None else named,
        handler=handler,
        scheduled_time=_scheduled_time(execution_id, now),
        dispatched_at=now,
        trigger=Trigger.PLAIN,
        params=kwargs.get("params", {} if task is None else dict(task.params)),
        retry_policy={"max_retries": 0} if task is None else task.retry_policy.model_dump(mode="json"),
        revision=None if task is None else task.metadata.revision,
    )


def _named_task(execution_id: str, kwargs: dict[str, Any]) -> str | None:
    """Return the task, or the RedBeat entry, that the run says it is a run of."""
    named = kwargs.get("task_id")
    if isinstance(named, str) and task_id_problem(named) is None:
        return named
    try:
        return split_execution_id(execution_id)[0]
    except ValueError:
        return None


def _scheduled_time(execution_id: str, now: datetime) -> datetime:
    """Return the due time in the id of an occurrence; for every other run it is now.

    >>> _scheduled_time("hourly@20261016T090000Z", datetime.now(UTC)).isoformat()
    '2026-10-16T09:00:00+00:00'
    """
    try:
        due = datetime.fromisoformat(execution_id.partition("@")[2])
    except ValueError:
        return now
    return now if due.tzinfo is None else due.astimezone(UTC)
