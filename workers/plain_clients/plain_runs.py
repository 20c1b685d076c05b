"""Runs of plain Celery clients: the ledger learns of them when their message reaches a worker."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from celery.exceptions import Reject
from redis.exceptions import ResponseError

from mission_control.dispatch.run_ending import RunEnding
from mission_control.messaging.redis_failures import is_lasting
from mission_control.model.runs.new_run import plain_run
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.values.identifiers import split_execution_id, task_id_problem
from mission_control.registry.registry import Registry
from workers.plain_clients.plain_messages import PlainMessage

_KNOWN_ARGUMENTS: Final = frozenset({"params", "task_id", "scheduled_time", "execution_id"})


@dataclass(frozen=True)
class PlainRuns:
    """Enters runs that the ledger does not know, so that they are claimed and recorded like any other."""

    registry: Registry
    ending: RunEnding
    are_allowed: bool

    def admit(self, message: PlainMessage) -> None:
        """Enter the run of a message, or refuse it.

        A message that names a task of ours with that task's handler (as one sent by a stock RedBeat beat
        does) runs with the task's params and retry policy. Any other runs with its own `params`, and is not
        retried. Time limit and expiry are the message's, or else the task's; its queue and priority are
        kept for what is sent later.

        Raises:
            Reject: plain producers are not allowed here, the arguments are not a handler's, or the ledger
                can never take the run; recorded.
        """
        problem = _problem(message.args, message.kwargs, allowed=self.are_allowed)
        if problem is None:
            problem = self._enter(self._run(message))
        if problem is not None:
            self.ending.reject(handler=message.handler, execution_id=message.execution_id, reason=problem)
            raise Reject(problem, requeue=False)

    def _enter(self, run: RunRecord) -> str | None:
        """Enter a run, and return why it can never be entered; None if it is."""
        try:
            self.ending.ledger.dispatch(run)
        except ResponseError as error:
            if is_lasting(error):
                return f"the ledger cannot take it: {error}"
            raise
        return None

    def _run(self, message: PlainMessage) -> RunRecord:
        now = self.ending.clock()
        named = _named_task(message.execution_id, message.kwargs)
        task = None if named is None else self.registry.definition(named)
        if task is not None and task.handler != message.handler:
            named, task = None, None  # it may not see another handler's params
        return plain_run(
            message.handler,
            message.kwargs.get("params"),
            execution_id=message.execution_id,
            name=message.handler if named is None else named,
            task=task,
            scheduled_time=_scheduled_time(message.execution_id, now),
            now=now,
            timeout_seconds=message.timeout_seconds,
            message_expires_at=message.expires_at,
            queue=message.queue,
            priority=message.priority,
        )


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
