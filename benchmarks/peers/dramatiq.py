"""Dramatiq with its Redis broker: `dramatiq benchmarks.peers.dramatiq`."""

from __future__ import annotations

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.marks import mark
from benchmarks.peers.surroundings import redis_url

dramatiq.set_broker(RedisBroker(url=redis_url()))


@dramatiq.actor
def noop() -> None:
    """Count this run."""
    mark()


def send(runs: int) -> None:
    """Send so many messages."""
    for _ in range(runs):
        noop.send()
