"""Kombu's transports for Redis, with our channels."""

from typing import Any, Final

from kombu.transport import redis

from mission_control.messaging.transport.channel import ReliableChannel, ReliableSentinelChannel


class ReliableTransport(redis.Transport):
    """Kombu's Redis transport with our channel."""

    Channel = ReliableChannel

    def _collect(self, connection: Any) -> None:  # noqa: ANN401, ARG002  # kombu's hook for a lost connection
        for channel in tuple(self.channels):
            channel.close_after_cut()
        self.cycle.close()
        self._avail_channels.clear()
        self.channels.clear()


class ReliableSentinelTransport(ReliableTransport, redis.SentinelTransport):
    """The same for servers that Redis Sentinel names."""

    Channel = ReliableSentinelChannel


OURS: Final = {redis.Transport: ReliableTransport, redis.SentinelTransport: ReliableSentinelTransport}
