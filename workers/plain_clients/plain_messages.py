"""Messages of plain Celery clients: what they ask for, and how they came."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from celery import Celery, Task

from mission_control.messaging.transport.task_headers import expiry_instant


@dataclass(frozen=True)
class PlainMessage:
    """A message for a run that the ledger does not know.

    `queue` and `priority` are those that it was taken from, so that whatever is sent for its run later
    goes the same way. `timeout_seconds` and `expires_at` are what its headers say, None if they do not.
    """

    execution_id: str
    handler: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    queue: str
    priority: int
    timeout_seconds: float | None
    expires_at: datetime | None

    @classmethod
    def of(cls, task: Task, request: Any) -> Self:  # noqa: ANN401  # Celery's request of a message
        """Describe the message that `request` stands for; `task` is what it names."""
        route = request.delivery_info if isinstance(request.delivery_info, dict) else {}
        return cls(
            execution_id=request.id,
            handler=task.name,
            args=tuple(request.args if request.args is not None else ()),
            kwargs=dict(request.kwargs if request.kwargs is not None else {}),
            queue=_queue(route, task.app),
            priority=_priority(route),
            timeout_seconds=_limit(request.timelimit),
            expires_at=expiry_instant({"expires": request.expires}),
        )

    @classmethod
    def of_unknown(cls, app: Celery, message: Any) -> Self:  # noqa: ANN401  # kombu's
        """Describe a message that names nothing this worker has."""
        args, kwargs, _ = message.payload
        route = message.delivery_info if isinstance(message.delivery_info, dict) else {}
        return cls(
            execution_id=message.headers["id"],
            handler=message.headers["task"],
            args=tuple(args),
            kwargs=kwargs,
            queue=_queue(route, app),
            priority=_priority(message.properties),
            timeout_seconds=_limit(message.headers.get("timelimit")),
            expires_at=expiry_instant(message.headers),
        )


def _queue(route: Mapping[str, Any], app: Celery) -> str:
    """Return the queue that a message came by; its routing key alone, where no exchange is named."""
    exchange, key = route.get("exchange"), route.get("routing_key")
    for name, queue in app.amqp.queues.items():
        by_exchange = queue.exchange is not None and queue.exchange.name == exchange
        if (by_exchange and queue.routing_key == key) or (not exchange and name == key):
            return str(name)
    return str(app.conf.task_default_queue)


def _priority(properties: Mapping[str, Any]) -> int:
    priority = properties.get("priority")
    return priority if type(priority) is int else 0


def _limit(limits: object) -> float | None:
    """Return the time limit among Celery's two, hard and soft; 0 is none.

    >>> _limit([20, 15]), _limit([20, None]), _limit([0, 0]), _limit(None)
    (15.0, 20.0, None, None)
    """
    hard, soft = limits if isinstance(limits, list | tuple) else (None, None)
    return next((float(one) for one in (soft, hard) if one), None)
