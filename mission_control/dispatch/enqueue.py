"""Ad-hoc runs: the producers' way to have a task or a handler run outside any schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ulid import ULID

from mission_control.audit.endings import audit_ending
from mission_control.dispatch.run_handle import Run
from mission_control.errors import InvalidTaskError, Problem, StoreUnavailableError, UnknownTaskError
from mission_control.messaging.message import send
from mission_control.model.problems.json_values import json_copy, structure_problems
from mission_control.model.problems.messages import shown
from mission_control.model.runs.new_run import ad_hoc_run, manual_run
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.fields import LONGEST_SECONDS
from mission_control.model.values.identifiers import TASK_ID_PATTERN
from mission_control.store.connection import store_errors

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.model.runs.run_record import RunRecord

_HANDLER_PREFIX: Final = "handlers."
_PRIORITIES: Final = range(10)
_LONGEST_DELAY: Final = timedelta(seconds=LONGEST_SECONDS)
# Once more, on a new connection: the pooled one may have been cut since it was last used.
_SEND_AGAIN: Final = {"max_retries": 1, "interval_start": 0.1}


def enqueue_in(
    installation: Installation,
    task_id_or_handler: str,
    params: Mapping[str, Any] | None = None,
    *,
    at: datetime | None = None,
    delay: timedelta | float | None = None,
    queue: str | None = None,
    priority: int | None = None,
    idempotency_key: str | None = None,
) -> Run:
    """Send a run; see `mission_control.enqueue`."""
    with store_errors(installation.redis_url):
        run = prepare(
            installation, task_id_or_handler, params, at=at, delay=delay, queue=queue, priority=priority
        )
        if idempotency_key is None:
            installation.ledger.dispatch(run)
        else:
            first = installation.ledger.dispatch_once(run, idempotency_key)
            if first != run.execution_id:
                return Run(first, installation)
        _send(installation, run, idempotency_key)
    return Run(run.execution_id, installation)


def _send(installation: Installation, run: RunRecord, idempotency_key: str | None) -> None:
    from kombu.exceptions import OperationalError
    from redis.exceptions import RedisError

    eta = run.scheduled_time if run.scheduled_time > run.dispatched_at else None
    try:
        send(installation.celery, run, eta=eta, retry_policy=_SEND_AGAIN)
    except (OperationalError, RedisError) as error:
        _withdraw(installation, run, idempotency_key, str(error))
        raise StoreUnavailableError(
            f"run {run.execution_id} was not sent and is cancelled: {error}; try again"
        ) from error


def _withdraw(installation: Installation, run: RunRecord, idempotency_key: str | None, error: str) -> None:
    """Cancel a run that could not be sent, so that it neither counts as active nor answers for its key."""
    now = installation.clock()
    reason = f"its message could not be sent: {error}"
    cancelled = installation.ledger.end(run, RunState.CANCELLED, at=now, reason=reason)
    if cancelled is not None:
        audit_ending(installation.audit, cancelled, at=now)
    if idempotency_key is not None:
        installation.ledger.forget_key(idempotency_key)


def prepare(
    installation: Installation,
    task_id_or_handler: str,
    params: Mapping[str, Any] | None = None,
    *,
    at: datetime | None = None,
    delay: timedelta | float | None = None,
    queue: str | None = None,
    priority: int | None = None,
) -> RunRecord:
    """Return the run that `enqueue` would send, without entering or sending it."""
    now = installation.clock()
    due = _due(now, at, delay)
    problems = _route_problems(queue, priority)
    if problems:
        raise InvalidTaskError(problems, subject="enqueue")
    run = _run(installation, task_id_or_handler, params, due, now)
    return replace(
        run,
        queue=run.queue if queue is None else queue,
        priority=run.priority if priority is None else priority,
    )


def _run(
    installation: Installation, name: str, params: Mapping[str, Any] | None, due: datetime, now: datetime
) -> RunRecord:
    ulid = str(ULID())
    task = installation.registry.definition(name)
    given = None if params is None else _checked(params)
    if task is not None:
        run = manual_run(task, ulid=ulid, at=due, now=now)
        return run if given is None else replace(run, params={**run.params, **given})
    if not name.startswith(_HANDLER_PREFIX):
        raise UnknownTaskError(
            f"no task has the id {name!r}; see `mission-control task list`, or name a handler"
        )
    problem = installation.registry.check.handler_problem(name)
    if problem is not None:
        raise _bad("handler", problem)
    return ad_hoc_run(
        name,
        {} if given is None else given,
        ulid=ulid,
        at=due,
        now=now,
        queue=installation.settings.queues[0],
    )


def _checked(params: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(params, Mapping):
        raise _bad("params", f"{shown(params)} is not an object of names and values")
    problems = structure_problems({"params": dict(params)})
    if problems:
        raise InvalidTaskError(problems, subject="enqueue")
    return json_copy(dict(params))


def _due(now: datetime, at: datetime | None, delay: timedelta | float | None) -> datetime:
    if at is not None and delay is not None:
        raise _bad("at", "give either at or delay, not both")
    if at is not None:
        if at.tzinfo is None:
            raise _bad("at", f"{at} has no time zone; use an aware datetime")
        if at > now + _LONGEST_DELAY:
            raise _bad("at", f"{at} is more than {_LONGEST_DELAY.days:,} days ahead")
        return max(at.astimezone(UTC), now)
    if delay is None:
        return now
    return now + _wait(delay)


def _wait(delay: timedelta | float) -> timedelta:
    try:
        wait = delay if isinstance(delay, timedelta) else timedelta(seconds=delay)
    except (TypeError, ValueError, OverflowError) as error:
        raise _bad("delay", f"{shown(delay)} is no number of seconds: {error}") from error
    if not timedelta(0) <= wait <= _LONGEST_DELAY:
        raise _bad("delay", f"{wait} is not between zero and {_LONGEST_DELAY.days:,} days")
    return wait


def _route_problems(queue: str | None, priority: int | None) -> list[Problem]:
    problems = []
    if queue is not None and TASK_ID_PATTERN.fullmatch(queue) is None:
        problems.append(Problem("queue", f"{shown(queue)} is no name of a queue that workers serve"))
    if priority is not None and not (type(priority) is int and priority in _PRIORITIES):
        problems.append(Problem("priority", f"{shown(priority)} is none of 0 (first) … 9 (last)"))
    return problems


def _bad(argument: str, problem: str) -> InvalidTaskError:
    return InvalidTaskError([Problem(argument, problem)], subject="enqueue")
