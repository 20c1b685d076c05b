"""Kombu's account of the messages that a channel has delivered, kept in Redis."""

import sys
from contextlib import suppress
from typing import Any

from kombu.transport import redis, virtual
from kombu.utils.json import dumps
from redis.exceptions import RedisError

from mission_control.messaging.transport.held_messages import HeldMessages
from mission_control.messaging.transport.message_problem import BadMessageError
from mission_control.messaging.transport.unacked import give_back

_VISIBLE_AT_ONCE = 100


class ChannelQoS(redis.QoS):
    """The messages that a channel has delivered and that are not acknowledged.

    A channel that closes gives them back. If its connection was cut, it gives back only those without a
    running handler; this process holds the others, and acknowledges them when their handlers have finished.
    """

    @property
    def held(self) -> HeldMessages:
        """The messages that this process holds."""
        held: HeldMessages = self.channel.held
        return held

    def append(self, message: Any, delivery_tag: str) -> None:  # noqa: ANN401  # kombu's message
        """Note a message as delivered, in Redis too unless the script that popped it did so."""
        if delivery_tag not in self.held:
            route = message.delivery_info
            stored = [message._raw, route.get("exchange"), route.get("routing_key")]  # noqa: SLF001
            self.held.unacked.hold(delivery_tag, dumps(stored))
            self.held.add(delivery_tag)
        virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message, now, with the fetch that follows, or when Redis is back."""
        if self.channel.fetches_next:
            self.held.acknowledge_soon(delivery_tag)
        else:
            self.held.acknowledge(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Acknowledge a rejected message, or put it last in its queue, now or when Redis is back."""
        if requeue:
            try:
                self.restore_by_tag(delivery_tag, leftmost=True)
            except RedisError:
                self.held.give_back_later([delivery_tag])
        else:
            self.held.acknowledge(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)

    def restore_by_tag(self, tag: str, client: Any = None, leftmost: bool = False) -> None:  # noqa: ANN401, ARG002
        """Put a message of this channel back on its queue."""
        self.held.discard(tag)
        give_back(self.held.unacked, tag, self.channel.lists, last=leftmost)

    def restore_unacked(self, client: Any = None) -> None:  # noqa: ANN401, ARG002
        """Put all messages of this channel back, so that the one delivered first is taken first."""
        for tag in reversed(self._delivered):
            self.restore_by_tag(tag)
        self._delivered.clear()

    def restore_unacked_once(self, stderr: Any = None) -> None:  # noqa: ANN401
        """Give back the messages when the channel closes."""
        if not self.channel.is_cut:
            with suppress(RedisError):  # delivered again, they do nothing
                self.held.acknowledge_done()
            super().restore_unacked_once(stderr)
            return
        self._on_collect.cancel()
        self._flush()
        running = _tags_of_running_handlers()
        self.held.give_back_later(tag for tag in reversed(self._delivered) if tag not in running)
        self._delivered.clear()
        self._delivered.restored = True

    def restore_visible(self, start: int = 0, num: int | None = None, interval: int = 10) -> None:  # noqa: ARG002
        """Put back messages that their holders stopped renewing, by the Redis server's clock."""
        after = self.visibility_timeout
        unacked = self.held.unacked
        for tag in unacked.visible(after, _VISIBLE_AT_ONCE if num is None else num):
            try:
                give_back(unacked, tag, self.channel.lists, visible_after=after)
            except BadMessageError as bad:
                payload = unacked.stored(tag)
                self.channel.move_to_dead_letters(tag, payload if payload is not None else b"", "", str(bad))


def _tags_of_running_handlers() -> set[str]:
    """Return the delivery tags of the messages that Celery's worker is running handlers for."""
    state = sys.modules.get("celery.worker.state")  # only a worker has loaded it
    if state is None:
        return set()
    return {request.message.delivery_tag for request in tuple(state.active_requests)}
