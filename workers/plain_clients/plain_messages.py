"""Messages of plain Celery clients: what they ask for, and how they came."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from celery import Celery
from celery.app.task import Context

from mission_control.messaging.message import FIRED_HEADER
from mission_control.messaging.transport.task_headers import expiry_instant


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


def _limit(limits: object) -> float | None:
    """Return the time limit among Celery's two, hard and soft; 0 is none.

    >>> _limit([20, 15]), _limit([20, None]), _limit([0, 0]), _limit(None)
    (15.0, 20.0, None, None)
    """
    hard, soft = limits if isinstance(limits, list | tuple) else (None, None)
    return next((float(one) for one in (soft, hard) if one), None)
