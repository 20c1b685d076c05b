"""Runs of plain Celery clients: messages that the ledger hears of when they are claimed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from celery.exceptions import Reject

from mission_control.audit import ExecutionRecord
from mission_control.definitions.identifiers import split_execution_id, task_id_problem
from mission_control.ledger import RunRecord, Trigger

if TYPE_CHECKING:
    from mission_control.installation import Installation

_KNOWN_ARGUMENTS: Final = frozenset({"params", "task_id", "scheduled_time", "execution_id"})


def admit_plain_run(
    execution_id: str, handler: str, kwargs: dict[str, Any], installation: Installation
) -> None:
    """Enter a run that the ledger does not know, so that it is claimed and recorded like any other.

    A message that names a task of ours (as one sent by a stock RedBeat beat does) runs with that task's
    params and retry policy; every other one runs with its own `params`, and is not retried.

    Raises:
        Reject: plain producers are not allowed here, or the arguments are not a handler's; recorded.
    """
    problem = _problem(kwargs, allowed=installation.settings.allow_plain_producers)
    if problem is not None:
        _record_refusal(execution_id, handler, problem, installation)
        raise Reject(problem, requeue=False)
    installation.ledger.dispatch(_run(execution_id, handler, kwargs, installation))


def _problem(kwargs: dict[str, Any], *, allowed: bool) -> str | None:
    if not allowed:
        return "unknown to the ledger, and MISSION_CONTROL_ALLOW_PLAIN_PRODUCERS is off"
    unknown = sorted(kwargs.keys() - _KNOWN_ARGUMENTS)
    if unknown:
        return f"arguments a handler does not take: {', '.join(unknown)[:80]}; send kwargs={{'params': …}}"
    if not isinstance(kwargs.get("params", {}), dict):
        return f"params is {type(kwargs['params']).__name__}; it must be an object"
    return None


def _run(execution_id: str, handler: str, kwargs: dict[str, Any], installation: Installation) -> RunRecord:
    now = installation.clock()
    task_id = _task_id(execution_id, handler, kwargs)
    task = installation.registry.definition(task_id)
    return RunRecord(
        execution_id=execution_id,
        task_id=task_id,
        handler=handler,
        scheduled_time=now,
        dispatched_at=now,
        trigger=Trigger.PLAIN,
        params=kwargs.get("params", {} if task is None else dict(task.params)),
        retry_policy={"max_retries": 0} if task is None else task.retry_policy.model_dump(mode="json"),
        revision=None if task is None else task.metadata.revision,
    )


def _task_id(execution_id: str, handler: str, kwargs: dict[str, Any]) -> str:
    """Return what the run is a run of: the task it names, the RedBeat entry it came from, or the handler."""
    named = kwargs.get("task_id")
    if isinstance(named, str) and task_id_problem(named) is None:
        return named
    if "@" in execution_id:
        entry = split_execution_id(execution_id)[0]
        return entry if task_id_problem(entry) is None else handler
    return handler


def _record_refusal(execution_id: str, handler: str, problem: str, installation: Installation) -> None:
    record = ExecutionRecord(
        timestamp=installation.clock(),
        task_id=handler,
        status="rejected",
        execution_id=execution_id,
        handler=handler,
        trigger=Trigger.PLAIN,
        reason=problem,
    )
    installation.audit.append(record.to_dict())
