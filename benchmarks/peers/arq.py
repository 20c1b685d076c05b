"""arq, results off: `arq benchmarks.peers.arq.Worker`."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from arq import create_pool
from arq.connections import RedisSettings

from benchmarks.marks import mark
from benchmarks.peers.surroundings import redis_url

QUIET: dict[str, Any] = {"version": 1}


async def noop(_context: dict[str, Any]) -> None:
    """Count this run."""
    mark()


class Worker:
    """What arq's command line is given."""

    functions: ClassVar[list[Any]] = [noop]
    redis_settings = RedisSettings.from_dsn(redis_url())
    keep_result = 0
    # By default it looks for jobs every half second, which would be measured instead of its work.
    poll_delay = 0.01


def send(runs: int) -> None:
    """Send so many jobs."""
    asyncio.run(_send(runs))


async def _send(runs: int) -> None:
    pool = await create_pool(Worker.redis_settings)
    for _ in range(runs):
        await pool.enqueue_job("noop")
    await pool.aclose()
