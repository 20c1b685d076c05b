"""How a delivered message goes back to its queue."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from kombu.utils.json import dumps

from mission_control.messaging.transport.message_problem import BadMessageError, read_stored
from mission_control.messaging.transport.unacked import Unacked


class QueueLists(NamedTuple):
    """Kombu's rules for the lists of a broker's messages."""

    of: Callable[[str, dict[str, Any]], str]
    """The list of a queue on which a message lies, by its priority."""
    queues: Callable[[str, str], Sequence[str]]
    """The queues to which an exchange and a routing key lead."""


def give_back(
    unacked: Unacked, tag: str, lists: QueueLists, *, last: bool = False, visible_after: float | None = None
) -> bool:
    """Put a delivered message back, marked as delivered before; False if there is nothing to put back.

    With `visible_after` only if its holder has not renewed it for that many seconds.

    Raises:
        BadMessageError: it is no message, or no queue is bound to its route.
        RedisError: Redis cannot be reached, or refuses.
    """
    stored = unacked.stored(tag)
    if stored is None:
        unacked.forget(tag)  # an index entry of a message that is gone
        return False
    message, exchange, routing_key = read_stored(stored)
    keys = [lists.of(queue, message) for queue in lists.queues(exchange, routing_key)]
    if not keys:
        raise BadMessageError("no queue is bound to its exchange and routing key")
    mark_redelivered(message)
    return unacked.give_back(tag, dumps(message), keys, last=last, visible_after=visible_after)


def mark_redelivered(message: dict[str, Any]) -> None:
    """Mark a message as delivered before, as kombu does."""
    headers, route = message.get("headers"), message["properties"].get("delivery_info")
    if isinstance(headers, dict):
        headers["redelivered"] = True
    if isinstance(route, dict):
        route["redelivered"] = True
