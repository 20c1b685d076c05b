"""Huey with its Redis storage, results off: `huey_consumer benchmarks.peers.huey.huey`."""

from __future__ import annotations

from huey import RedisHuey

from benchmarks.marks import mark
from benchmarks.peers.surroundings import redis_url

huey = RedisHuey("benchmark", url=redis_url(), results=False)


@huey.task()
def noop() -> None:
    """Count this run."""
    mark()


def send(runs: int) -> None:
    """Send so many messages."""
    for _ in range(runs):
        noop()
