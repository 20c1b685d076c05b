"""The choice of our transport, whatever the broker's URL looks like."""

from __future__ import annotations

from typing import Any, Final

import kombu
from celery.app.amqp import AMQP
from kombu.transport import redis

from mission_control.messaging.transport.channel import ReliableChannel, ReliableSentinelChannel


class ReliableTransport(redis.Transport):
    """Kombu's Redis transport with our channel."""

    Channel = ReliableChannel

    def _collect(self, connection: Any) -> None:  # noqa: ANN401, ARG002  # kombu's hook for a lost connection
        for channel in tuple(self.channels):
            channel.let_go()
        self.cycle.close()
        self._avail_channels.clear()
        self.channels.clear()


class ReliableSentinelTransport(ReliableTransport, redis.SentinelTransport):
    """The same where Redis Sentinel names the server."""

    Channel = ReliableSentinelChannel


_OURS: Final = {
    redis.Transport: ReliableTransport,
    redis.SentinelTransport: ReliableSentinelTransport,
}


class ReliableConnection(kombu.Connection):
    """A connection that uses our transport where kombu would use its own for Redis.

    Chosen by class and not by name, because kombu takes the name from the URL: for a unix socket, and
    after a failover, whatever else is configured.
    """

    def get_transport_cls(self) -> Any:  # noqa: ANN401
        """Return the class of transport to be used."""
        chosen = super().get_transport_cls()
        return _OURS.get(chosen, chosen)


class ReliableAMQP(AMQP):
    """What Celery makes connections with."""

    Connection = BrokerConnection = ReliableConnection
