"""Taskiq on a Redis stream, its broker that acknowledges: `taskiq worker benchmarks.peers.taskiq:broker`."""

from __future__ import annotations

import asyncio

from taskiq_redis import RedisStreamBroker

from benchmarks.marks import mark
from benchmarks.peers.surroundings import redis_url

# From the first message on: by default it begins with those that are sent after its start.
broker = RedisStreamBroker(redis_url(), consumer_id="0")


@broker.task
async def noop() -> None:
    """Count this run."""
    mark()


def send(runs: int) -> None:
    """Send so many messages."""
    asyncio.run(_send(runs))


async def _send(runs: int) -> None:
    await broker.startup()
    for _ in range(runs):
        await noop.kiq()
    await broker.shutdown()
