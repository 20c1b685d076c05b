"""Our channel: it checks each message, and delivers it, parks it, or moves it to the dead letters."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from queue import Empty
from typing import Any, Final

from kombu.transport import redis
from redis.client import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from mission_control.audit.pending.pending_records import reported_log
from mission_control.audit.stream.log import AuditLog
from mission_control.configuration.clock import utc_now
from mission_control.events import events
from mission_control.messaging.transport.channel_qos import ChannelQoS
from mission_control.messaging.transport.consuming_channel import ConsumingChannel
from mission_control.messaging.transport.dead_letters import record_dead_letter
from mission_control.messaging.transport.held_messages import HeldMessages, held_messages
from mission_control.messaging.transport.message_problem import BadMessageError, read_envelope, read_task
from mission_control.messaging.transport.message_signature import check_signature, sign_message
from mission_control.messaging.transport.parking import ParkedMessage, park, to_be_parked
from mission_control.messaging.transport.plain_clients import (
    DEFAULT_QUEUE,
    adopt,
    is_of_run,
    move_from_default_queue,
)
from mission_control.messaging.transport.unacked import QueueLists, Unacked, UnackedKeys
from mission_control.signing.keyring import NO_KEYS, Keyring
from mission_control.store.connection import driver_info

_OPTIONS: Final = (
    *("park_after_seconds", "ledger_client", "audit_path", "plain_clients_queue"),
    *("keyring", "signed_for_seconds"),
)
_TROUBLE: Final = (RedisError, OSError, Empty)
"""Failures of the connection, which kombu and Celery handle."""


class ReliableChannel(ConsumingChannel):
    """A channel on Redis that neither loses nor doubles a message, and that no message can crash.

    On queues that are consumed with acknowledgement every message must be a task's; any other goes to the
    dead letters. Global key prefixes are not supported.
    """

    QoS = ChannelQoS
    from_transport_options = (*redis.Channel.from_transport_options, *_OPTIONS)
    park_after_seconds: float | None = None
    """Messages due later than this are parked; None parks nothing."""
    ledger_client: Callable[[], Redis] | None = None
    """Returns a client of the ledger's Redis, where messages are parked; None parks nothing."""
    audit_path: str | None = None
    """Where dead letters are recorded; None records nothing."""
    plain_clients_queue: str | None = None
    """Where messages for handlers on Celery's default queue go; None leaves them there."""
    keyring: Callable[[], Keyring] = staticmethod(lambda: NO_KEYS)
    """Returns the keys: with any, messages of runs are signed, and only those are delivered."""
    signed_for_seconds: float = 0.0
    """How long a message may be taken from when it is due, if it is signed."""
    is_cut = False
    """Whether the channel ends because its connection was lost."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # kombu's arguments
        self._held: HeldMessages | None = None
        super().__init__(*args, **kwargs)

    @property
    def held(self) -> HeldMessages:
        """The messages of this broker that this process holds."""
        if self._held is None:
            self._held = held_messages(f"{self.broker} {self.unacked_index_key}", self._make_held)
        return self._held

    @property
    def broker(self) -> str:
        """An identity of this broker."""
        return str(self.connection.client.as_uri(include_password=True))

    @property
    def lists(self) -> QueueLists:
        """The queue lists to which messages go back."""
        return QueueLists(self._list_of, self._lookup)

    def move_to_dead_letters(
        self, tag: str, payload: bytes, queue: str, reason: str, headers: object = None
    ) -> None:
        """Move a delivered message to the dead letters, with an audit record, and acknowledge it.

        Raises:
            RedisError: the message is recorded and still unacknowledged; it will be found again.
        """
        self.held.discard(tag)
        entry = record_dead_letter(self._audit, payload, queue=queue, reason=reason, headers=headers)
        self.held.unacked.move_to_dead_letters(tag, entry)

    @cached_property
    def _audit(self) -> AuditLog | None:
        if self.audit_path is None:
            return None
        path, ledger = Path(self.audit_path), self.ledger_client
        return AuditLog(path) if ledger is None else reported_log(path, ledger)

    def close_after_cut(self) -> None:
        """Close the channel after its connection was lost; never raises."""
        self.is_cut = True
        try:
            self.stop_polling()
        except Exception as error:  # noqa: BLE001  # the channel must close in any case
            events.waiting_for_redis(error, "broker")
        if self._qos is not None:
            self._qos.restore_unacked_once()
        try:
            self.close()
        except Exception as error:  # noqa: BLE001
            events.waiting_for_redis(error, "broker")

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        if self.connection is None or self.connection.client is None:
            # Kombu would fail with an AttributeError, which ends the worker.
            raise RedisConnectionError("the channel's connection is closed")
        params: dict[str, Any] = super()._connparams(asynchronous)
        return params | {"driver_info": driver_info()}

    def _after_fork(self) -> None:
        self._held = None  # the renewing thread stays in the parent
        super()._after_fork()

    def _make_held(self) -> HeldMessages:
        client: Redis = Redis(connection_pool=self._get_pool())
        unacked = Unacked(client, UnackedKeys(self.unacked_key, self.unacked_index_key))
        # A message that this process popped is stored with the name of the queue that it goes back to.
        lists = QueueLists(self._list_of, lambda _exchange, queue: [queue])
        return HeldMessages(unacked, lists, self.visibility_timeout)

    def take_in_plain_messages(self) -> None:
        """Move the messages of plain clients to their queue here, if this channel consumes it."""
        queue, active = self.plain_clients_queue, self.active_queues
        if not self.closed and queue is not None and queue in active and DEFAULT_QUEUE not in active:
            pairs = [
                (self._q_for_pri(DEFAULT_QUEUE, one), self._q_for_pri(queue, one))
                for one in self.priority_steps
            ]
            with suppress(ResponseError):  # Redis is full, say: they stay, and other messages are taken
                move_from_default_queue(Redis(connection_pool=self._get_pool()), pairs)

    def _list_of(self, queue: str, message: dict[str, Any]) -> str:
        return str(self._q_for_pri(queue, self._get_message_priority(message, reverse=False)))

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:  # noqa: ANN401  # kombu's
        if (keyring := self.keyring()) and is_of_run(message):
            sign_message(message, queue, keyring, now=utc_now(), lasts=self.signed_for_seconds)
        parked = self._to_be_parked(message)
        if parked is None:
            super()._put(queue, message, **kwargs)
        else:
            self._park(queue, message, parked)

    def _to_be_parked(self, message: dict[str, Any]) -> ParkedMessage | None:
        if self.park_after_seconds is None or self.ledger_client is None:
            return None
        return to_be_parked(message, now=utc_now(), after=timedelta(seconds=self.park_after_seconds))

    def _park(self, queue: str, message: dict[str, Any], parked: ParkedMessage) -> None:
        if self.ledger_client is not None:
            park(self.ledger_client(), parked, self._list_of(queue, message))

    def _park_delivered(self, tag: str, queue: str, message: dict[str, Any], parked: ParkedMessage) -> None:
        try:
            self._park(queue, message, parked)
        except RedisError:
            self.held.give_back_later([tag])
            raise
        # If the process dies here, the message is delivered again, and is parked already.
        self.held.acknowledge(tag)

    def deliver(self, tag: str, queue: str, payload: bytes) -> None:
        """Deliver a message, park it, or move it to the dead letters; only connection failures are raised."""
        try:
            message = read_task(payload)
            if keyring := self.keyring():
                check_signature(message, queue, keyring, utc_now().timestamp(), self._redis_now)
            adopt(message)
        except BadMessageError as bad:
            self.move_to_dead_letters(tag, payload, queue, str(bad), bad.headers)
            return
        parked = self._to_be_parked(message)
        if parked is not None:
            self._park_delivered(tag, queue, message, parked)
            return
        message["properties"]["delivery_tag"] = tag
        try:
            self.connection._deliver(message, queue)  # noqa: SLF001
        except _TROUBLE:
            raise
        except Exception as error:  # noqa: BLE001  # any other error would end or restart the worker
            reason = f"the worker failed on it: {type(error).__name__}"
            self.qos._quick_ack(tag)  # noqa: SLF001
            self.move_to_dead_letters(tag, payload, queue, reason, message["headers"])

    def _redis_now(self) -> float:
        seconds, microseconds = Redis(connection_pool=self._get_pool()).time()
        return seconds + microseconds / 1_000_000

    def deliver_broadcast(self, queue: str, payload: bytes) -> None:
        """Deliver an event or a reply; a bad one is dropped."""
        try:
            self.connection._deliver(read_envelope(payload), queue)  # noqa: SLF001
        except _TROUBLE:
            raise
        except Exception as error:  # noqa: BLE001
            events.broadcast_dropped(queue, error)

    def _receive_one(self, c: Any) -> Any:  # noqa: ANN401  # redis-py's subscription
        try:
            return super()._receive_one(c)
        except _TROUBLE:
            raise
        except Exception as error:  # noqa: BLE001  # a malformed broadcast must not end the worker
            events.broadcast_dropped("a broadcast", error)
            return None


class ReliableSentinelChannel(ReliableChannel, redis.SentinelChannel):
    """The same where Redis Sentinel names the server."""

    from_transport_options = (*redis.SentinelChannel.from_transport_options, *_OPTIONS)

    @property
    def broker(self) -> str:
        """An identity of this broker that does not depend on which of its Sentinels answered last."""
        sentinels = self.connection.client.alt or [super().broker]
        return f"{self.master_name} {sentinels}"
