"""The consuming side of a channel: pops a message and notes it as delivered, in one step where possible."""

import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Sequence
from queue import Empty
from typing import Any, Final, NamedTuple

from kombu.asynchronous import get_event_loop
from kombu.transport import redis
from kombu.utils.json import dumps
from redis.exceptions import NoScriptError, RedisError

from mission_control.messaging.transport.held_messages import HeldMessages
from mission_control.messaging.transport.turns import (
    TURN_PREFIXES,
    drop_lanes,
    text_of,
    turns_source,
    waiting_in_lanes,
)

_AT_ONCE_SECONDS: Final = 0.02
"""The longest time of an answer that did not wait for a message, even on a busy machine."""

_TAKE_IN_EVERY_SECONDS: Final = 1.0
_TAKE_IN_AFTER_SECONDS: Final = 0.1
"""A handler that was given a message just now has started by then."""


class _Poll(NamedTuple):
    """The last request to Redis: fetch a message now, or, without a tag, wait for one."""

    tag: str | None
    done: Sequence[str] = ()
    """The messages that it acknowledges on the way."""


class ConsumingChannel(redis.Channel, ABC):
    """Pops messages off the queues and delivers them.

    While there is work a message is popped and noted as delivered in one script, so a worker killed at any
    moment loses none. An idle channel waits with BRPOP, which cannot do both: a worker killed in the
    fraction of a millisecond between that and the note loses the message that woke it.
    """

    _in_poll: Any
    """The connection on which an answer is awaited, if any; kombu's."""
    _brpop_sent_at: float | None
    """When a message was last asked for, by `time.monotonic`; kombu's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # kombu's arguments
        self._unacknowledged: set[str] = set()
        self._should_fetch = True
        self._poll: _Poll | None = None
        self._fetch_sha: str | None = None
        self._take_in_at = 0.0
        super().__init__(*args, **kwargs)

    @property
    @abstractmethod
    def held(self) -> HeldMessages:
        """The messages of this broker that this process holds."""

    @abstractmethod
    def deliver(self, tag: str, queue: str, payload: bytes) -> None:
        """Deliver a message of a task."""

    @abstractmethod
    def take_in_plain_messages(self) -> None:
        """Move messages of plain clients to a queue of ours."""

    @abstractmethod
    def deliver_broadcast(self, queue: str, payload: bytes) -> None:
        """Deliver an event or a reply, which are consumed without acknowledgement."""

    @property
    def fetches_next(self) -> bool:
        """Whether the next request to Redis will be a fetch, because there is work."""
        return self._should_fetch

    def basic_consume(self, queue: str, no_ack: bool, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Consume from a queue; queues without acknowledgement carry events and replies, not tasks."""
        (self._unacknowledged.add if no_ack else self._unacknowledged.discard)(queue)
        return super().basic_consume(queue, no_ack, *args, **kwargs)

    def stop_polling(self) -> None:
        """Stop waiting for an answer; a message that it may bring goes back to its queue.

        Raises:
            RedisError: the connection of the answer is broken, too.
        """
        connection, self._in_poll = self._in_poll, None
        if not self._give_up_fetch() and connection:
            reply = self.client.parse_response(connection, "BRPOP")
            if reply:
                self.held.push_later(text_of(reply[0]), reply[1])

    def _give_up_fetch(self) -> bool:
        """Do later what a fetch without an answer may not have done; return whether there was one."""
        poll, self._poll = self._poll, None
        if poll is None or poll.tag is None:
            return False
        self.held.acknowledge_later(poll.done)
        self.held.give_back_later([poll.tag])
        return True

    def _size(self, queue: str) -> int:
        with self.conn_or_acquire() as client:
            in_lanes = waiting_in_lanes(client, self._lists(queue))
        return int(super()._size(queue)) + in_lanes

    def _purge(self, queue: str) -> int:
        with self.conn_or_acquire() as client:
            in_lanes = waiting_in_lanes(client, self._lists(queue))
            drop_lanes(client, self._lists(queue))
        return int(super()._purge(queue)) + in_lanes

    def _delete(self, queue: str, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # kombu's
        client = kwargs.get("client")
        with self.conn_or_acquire(client) as connected:
            drop_lanes(connected, self._lists(queue))
        super()._delete(queue, *args, **kwargs)

    def _lists(self, queue: str) -> list[str]:
        return [self._q_for_pri(queue, step) for step in self.priority_steps]

    def _brpop_start(self, timeout: float | None = None) -> None:
        self._give_up_fetch()  # of a connection that is lost
        if time.monotonic() >= self._take_in_at:
            self._take_in_at = time.monotonic() + _TAKE_IN_EVERY_SECONDS
            self._take_in_soon()
        if not self._should_fetch:
            self._poll = _Poll(None)
            super()._brpop_start(timeout)
            return
        queues = self._queue_cycle.consume(len(self.active_queues))
        if queues:
            self._fetch_start(queues)

    def _take_in_soon(self) -> None:
        """Take in plain messages in a moment, or at once where no event loop runs."""
        hub = get_event_loop()
        if hub is None:
            self.take_in_plain_messages()
        else:
            hub.call_later(_TAKE_IN_AFTER_SECONDS, self.take_in_plain_messages)

    def _fetch_start(self, queues: Sequence[str]) -> None:
        lists = [(self._q_for_pri(queue, step), queue) for step in self.priority_steps for queue in queues]
        keys = [self.unacked_key, self.unacked_index_key, *(key for key, _ in lists)]
        tag = str(uuid.uuid4())
        names = ["" if queue in self._unacknowledged else dumps(queue) for _, queue in lists]
        if self._fetch_sha is None:
            self._fetch_sha = self._create_client().script_load(turns_source("fetch"))
        self._in_poll = self.client.connection
        self._brpop_sent_at = time.monotonic()
        self._poll = _Poll(tag, self.held.take_done())
        args = [tag, *TURN_PREFIXES, *names, *self._poll.done]
        self._in_poll.send_command("EVALSHA", self._fetch_sha, len(keys), *keys, *args)

    def _brpop_read(self, **options: Any) -> bool:  # noqa: ANN401
        try:
            key, payload, tag = self._answer(self._poll or _Poll(None), options)
            queue = key.rsplit(self.sep, 1)[0]
            self._queue_cycle.rotate(queue)
            # If this message had to be waited for, the queue is probably empty: wait for the next one, too.
            self._should_fetch = tag is not None or not self._has_waited()
            if queue in self._unacknowledged:
                self.deliver_broadcast(queue, payload)
                return True
            if tag is None:
                tag = self._hold(key, queue, payload)
            self.held.add(tag)
            self.deliver(tag, queue, payload)
            self.held.unacked.confirm()
            return True
        finally:
            self._in_poll = None
            self._flush_brpop_reauth()

    def _has_waited(self) -> bool:
        asked_at = self._brpop_sent_at
        return asked_at is not None and time.monotonic() - asked_at > _AT_ONCE_SECONDS

    def _answer(self, poll: _Poll, options: dict[str, Any]) -> tuple[str, bytes, str | None]:
        """Return list, payload and tag of the message that came; `Empty` if none did."""
        command = "BRPOP" if poll.tag is None else "EVALSHA"
        try:
            reply = self.client.parse_response(self.client.connection, command, **options)
        except NoScriptError:
            self._give_up_fetch()
            self._fetch_sha = None
            raise Empty from None
        except self.connection_errors:
            self._give_up_fetch()  # the answer may have been lost on its way
            self.client.connection.disconnect()
            raise
        self._poll = None
        if not reply:
            # The queues are empty: wait for the next message. If none comes, look into the lanes: another
            # process may have died before it put the next in turn on the list.
            self._should_fetch = poll.tag is None
            raise Empty
        return text_of(reply[0]), reply[1], poll.tag

    def _hold(self, key: str, queue: str, payload: bytes) -> str:
        tag = str(uuid.uuid4())
        stored = b"".join([b"[", payload, b', "", ', dumps(queue).encode(), b"]"])
        try:
            self.held.unacked.hold_soon(tag, stored, popped_from=key)
        except RedisError:
            self.held.push_later(key, payload)
            raise
        return tag
