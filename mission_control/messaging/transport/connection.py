"""Connections that use our transport for every form of a Redis URL."""

from typing import Any

import kombu
from celery.app.amqp import AMQP
from kombu.connection import ConnectionPool, PooledConnection
from kombu.utils.collections import HashedSeq


class _Reliable(kombu.Connection):
    """Uses our transport where kombu would use its own for Redis.

    Chosen by class and not by name, because kombu takes the name from the URL: for a unix socket, and
    after a failover, whatever else is configured.
    """

    def get_transport_cls(self) -> Any:  # noqa: ANN401
        """Return the class of the transport."""
        from mission_control.messaging.transport.reliable_transport import OURS  # with the first connection

        chosen = super().get_transport_cls()
        return OURS.get(chosen, chosen)

    def __eqhash__(self) -> Any:  # noqa: ANN401  # kombu's name
        """Share no pool of connections with a plain Celery application at the same URL."""
        return HashedSeq(_Reliable.__name__, *super().__eqhash__())


class ReliableConnection(_Reliable):
    """A connection on our transport, with a pool of such connections."""

    def Pool(self, limit: int | None = None, **kwargs: Any) -> ConnectionPool:  # noqa: ANN401, N802  # kombu's
        """Return a pool of connections like this one."""
        return _ReliablePool(self, limit, **kwargs)


class _ReliablePooledConnection(_Reliable, PooledConnection):
    pass


class _ReliablePool(ConnectionPool):
    def new(self) -> _ReliablePooledConnection:
        return _ReliablePooledConnection(self, **dict(self.connection._info(resolve=False)))  # noqa: SLF001


class ReliableAMQP(AMQP):
    """Celery's factory of connections."""

    Connection = BrokerConnection = ReliableConnection
