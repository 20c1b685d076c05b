"""Runs of plain Celery clients and RedBeat entries: they enter the ledger when a worker has their message."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from celery import Celery
from celery.app.task import Context
from celery.exceptions import Reject
from redis.exceptions import ResponseError

from mission_control.dispatch.run_ending import RunEnding
from mission_control.messaging.message import FIRED_HEADER
from mission_control.messaging.redis_failures import is_lasting
from mission_control.messaging.transport.task_headers import expiry_instant
from mission_control.model.problems.secret_references import refers_to_secret
from mission_control.model.runs.new_run import NO_RETRIES
from mission_control.model.runs.run_record import RunRecord, Trigger
from mission_control.model.values.identifiers import is_plain, task_id_problem

_KNOWN_ARGUMENTS: Final = frozenset({"params", "task_id", "scheduled_time", "execution_id"})


@dataclass(frozen=True)
class PlainMessage:
    """A message for a run that the ledger does not know.

    `queue` and `priority` are those that it was taken from, so that whatever is sent for its run later
    goes the same way. `token` is that of a RedBeat entry's message. `timeout_seconds` and `expires_at` are
    what its headers say, None if they do not.
    """

    execution_id: str
    token: str | None
    handler: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    queue: str
    priority: int
    timeout_seconds: float | None
    expires_at: datetime | None

    @classmethod
    def of(cls, app: Celery, handler: str, request: Any) -> Self:  # noqa: ANN401  # Celery's request of a message
        """Describe the message that `request` stands for."""
        route = request.delivery_info if isinstance(request.delivery_info, dict) else {}
        queue, priority = str(route.get("routing_key")), route.get("priority")
        return cls(
            execution_id=request.id,
            token=request.get(FIRED_HEADER),
            handler=handler,
            args=tuple(request.args if request.args is not None else ()),
            kwargs=dict(request.kwargs if request.kwargs is not None else {}),
            queue=queue if queue in app.amqp.queues else app.conf.task_default_queue,
            priority=priority if type(priority) is int else 0,
            timeout_seconds=_limit(request.timelimit),
            expires_at=expiry_instant({"expires": request.expires}),
        )

    @classmethod
    def of_unknown(cls, app: Celery, message: Any) -> Self:  # noqa: ANN401  # kombu's
        """Describe a message that names nothing this worker has."""
        args, kwargs, _ = message.payload
        route = {**message.delivery_info, "priority": message.properties.get("priority")}
        request = Context(message.headers, args=args, kwargs=kwargs, delivery_info=route)
        return cls.of(app, message.headers["task"], request)


@dataclass(frozen=True)
class PlainRuns:
    """Enters runs that the ledger does not know, so that they are claimed and recorded like any other."""

    ending: RunEnding
    are_allowed: bool

    def admit(self, message: PlainMessage) -> None:
        """Enter the run of a message, or refuse it.

        A plain client's run belongs to no task, whatever its arguments say. The run of a RedBeat entry that
        beat has fired goes under the entry's name, even where plain clients are not allowed. Both have the
        message's `params`, time limit and expiry, and are not retried; queue and priority are kept for what
        is sent later.

        Raises:
            Reject: plain clients are not allowed here, the message claims to be of a run that is unknown, its
                arguments are not a handler's, or the ledger can never take the run; recorded.
        """
        given = _given(message.args, message.kwargs)
        problem = self._refusal(message) or _problem(given)
        if problem is None:
            problem = self._enter(self._run(message, given.get("params", {})))
        if problem is not None:
            self.ending.reject(handler=message.handler, execution_id=message.execution_id, reason=problem)
            raise Reject(problem, requeue=False)

    def admitted(self, message: PlainMessage) -> RunRecord | None:
        """Enter the run of a message, and return it; None if it was refused, which is recorded."""
        with suppress(Reject):
            self.admit(message)
        return self.ending.ledger.get(message.execution_id)

    def _refusal(self, message: PlainMessage) -> str | None:
        if self.ending.ledger.keyring:
            return "the ledger has no run of this id, or no longer, and only signed runs may run here"
        if not is_plain(message.execution_id):
            is_sent = self.ending.ledger.has_fired(message.execution_id, message.token)
            return None if is_sent else "the ledger has no run of this id, and beat has not sent this message"
        if self.are_allowed:
            return None
        return "unknown to the ledger, and MISSION_CONTROL_ALLOW_PLAIN_PRODUCERS is off"

    def _enter(self, run: RunRecord) -> str | None:
        """Enter a run, and return why it can never be entered; None if it is."""
        try:
            self.ending.ledger.dispatch(run)
        except ResponseError as error:
            if is_lasting(error):
                return f"the ledger cannot take it: {error}"
            raise
        return None

    def _run(self, message: PlainMessage, params: dict[str, Any]) -> RunRecord:
        now = self.ending.clock()
        entry, scheduled_time = _occurrence(message.execution_id, now)
        return RunRecord(
            execution_id=message.execution_id,
            task_id=message.handler if task_id_problem(entry) is not None else entry,
            handler=message.handler,
            scheduled_time=scheduled_time,
            dispatched_at=now,
            trigger=Trigger.PLAIN,
            params=params,
            retry_policy=NO_RETRIES,
            timeout_seconds=message.timeout_seconds,
            expires_at=message.expires_at,
            queue=message.queue,
            priority=message.priority,
        )


def _given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return a message's arguments by name; a single object is the params, or a handler's context.

    >>> _given(({"name": "Ada"},), {}) == _given(({"params": {"name": "Ada"}},), {})
    True
    """
    only = args[0] if len(args) == 1 and isinstance(args[0], dict) else None
    if only is not None and "params" in only and not kwargs and only.keys() <= _KNOWN_ARGUMENTS:
        return only
    if only is not None and "params" not in kwargs:
        return {**kwargs, "params": only}
    return {**kwargs, "positional arguments": args} if args else kwargs


def _problem(given: dict[str, Any]) -> str | None:
    unknown = sorted(given.keys() - _KNOWN_ARGUMENTS)
    if unknown:
        return f"arguments a handler does not take: {', '.join(unknown)[:80]}; send kwargs={{'params': …}}"
    params = given.get("params", {})
    if not isinstance(params, dict):
        return f"params is {type(params).__name__}; it must be an object"
    # Who may send a message may not have the worker read a secret and hand it to any handler.
    if any(map(refers_to_secret, params.values())):
        return "params refer to a secret, which a message must not; register a task, or use `enqueue`"
    return None


def _occurrence(execution_id: str, now: datetime) -> tuple[str, datetime]:
    """Return name and due time in the id of an entry's occurrence; "" and now for a plain client's.

    >>> _occurrence("hourly@20261016T090000Z", datetime.now(UTC))[1].isoformat()
    '2026-10-16T09:00:00+00:00'
    """
    if is_plain(execution_id):
        return "", now
    name, _, due = execution_id.rpartition("@")
    return name, datetime.fromisoformat(due).astimezone(UTC)


def _limit(limits: object) -> float | None:
    """Return the time limit among Celery's two, hard and soft; 0 is none.

    >>> _limit([20, 15]), _limit([20, None]), _limit([0, 0]), _limit(None)
    (15.0, 20.0, None, None)
    """
    hard, soft = limits if isinstance(limits, list | tuple) else (None, None)
    return next((float(one) for one in (soft, hard) if one), None)
