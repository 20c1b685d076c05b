"""RQ, results off: `rq worker-pool`, whose workers fork a process for each job."""

from __future__ import annotations

from redis import Redis
from rq import Queue

from benchmarks.marks import mark
from benchmarks.peers.surroundings import redis_url


def noop() -> None:
    """Count this run."""
    mark()


def send(runs: int) -> None:
    """Send so many jobs."""
    queue = Queue("default", connection=Redis.from_url(redis_url()))
    for _ in range(runs):
        queue.enqueue(noop, result_ttl=0)


def send_many(runs: int) -> None:
    """Send so many jobs in one call."""
    queue = Queue("default", connection=Redis.from_url(redis_url()))
    queue.enqueue_many([Queue.prepare_data(noop, result_ttl=0) for _ in range(runs)])
