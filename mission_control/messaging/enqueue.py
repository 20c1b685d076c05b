"""Ad-hoc runs: the producers' way to have a task or a handler run outside any schedule."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from ulid import ULID

from mission_control import redis_keys
from mission_control.connection import store_errors
from mission_control.definitions.json_values import json_copy
from mission_control.errors import InvalidTaskError, Problem, StoreUnavailableError, UnknownTaskError
from mission_control.ledger.run_record import ad_hoc_run, manual_run
from mission_control.messaging.message import send
from mission_control.messaging.run_handle import Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mission_control.installation import Installation
    from mission_control.ledger import RunRecord

_HANDLER_PREFIX = "handlers."
_PRIORITIES = range(10)


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
    from kombu.exceptions import OperationalError

    with store_errors(installation.redis_url):
        run = prepare(
            installation, task_id_or_handler, params, at=at, delay=delay, queue=queue, priority=priority
        )
        if idempotency_key is not None:
            first = _claim_key(installation, idempotency_key, run.execution_id)
            if first != run.execution_id:
                return Run(first, installation)
        installation.ledger.dispatch(run)
        try:
            send(
                installation.celery,
                run,
                eta=run.scheduled_time if run.scheduled_time > run.dispatched_at else None,
            )
        except OperationalError as error:
            raise StoreUnavailableError(f"run {run.execution_id} was not sent: {error}") from error
    return Run(run.execution_id, installation)


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
    given = None if params is None else json_copy(params)
    if task is not None:
        run = manual_run(task, ulid=ulid, at=due, now=now)
        return run if given is None else replace(run, params={**run.params, **given})
    if not name.startswith(_HANDLER_PREFIX):
        raise UnknownTaskError(
            f"no task has the id {name!r}; see `mission-control task list`, or name a handler"
        )
    problem = installation.registry.check.handler_problem(name)
    if problem is not None:
        raise InvalidTaskError([Problem("handler", problem)], subject="enqueue")
    return ad_hoc_run(
        name,
        {} if given is None else given,
        ulid=ulid,
        at=due,
        now=now,
        queue=installation.settings.queues[0],
    )


def _due(now: datetime, at: datetime | None, delay: timedelta | float | None) -> datetime:
    if at is not None and delay is not None:
        raise InvalidTaskError([Problem("at", "give either at or delay, not both")], subject="enqueue")
    if at is not None:
        if at.tzinfo is None:
            raise InvalidTaskError(
                [Problem("at", f"{at} has no time zone; use an aware datetime")], subject="enqueue"
            )
        return max(at, now)
    if delay is None:
        return now
    wait = delay if isinstance(delay, timedelta) else timedelta(seconds=delay)
    if wait < timedelta(0):
        raise InvalidTaskError([Problem("delay", f"{wait} is negative; use zero or more")], subject="enqueue")
    return now + wait


def _route_problems(queue: str | None, priority: int | None) -> list[Problem]:
    problems = []
    if queue is not None and not queue.strip():
        problems.append(Problem("queue", "is empty; name a queue that workers serve"))
    if priority is not None and priority not in _PRIORITIES:
        problems.append(Problem("priority", f"{priority} is none of 0 (first) … 9 (last)"))
    return problems


def _claim_key(installation: Installation, idempotency_key: str, execution_id: str) -> str:
    """Return the run that the key stands for: this one if the key is new."""
    key = redis_keys.idempotency(idempotency_key)
    retention = installation.settings.retention
    earlier = cast("str | None", installation.client.set(key, execution_id, nx=True, get=True, ex=retention))
    return execution_id if earlier is None else earlier
