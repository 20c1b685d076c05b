"""What is wrong with Redis, as it describes itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

from mission_control.model.values.quantities import duration
from mission_control.operate.doctor.evidence import Service
from mission_control.operate.issue import Issue, redis_cli
from mission_control.store.troubles import eviction_in

SLOW: Final = timedelta(milliseconds=20)
FULL: Final = 0.9
OLDEST: Final = (7, 0)


def unreachable(why: str) -> Iterator[Issue]:
    """Yield that Redis cannot be asked."""
    problem, _, remedy = why.partition(": ")
    ask = redis_cli("PING")
    yield Issue(
        "redis_unreachable", problem, f"{remedy}; `{ask}` asks again" if remedy else f"ask again: `{ask}`"
    )


def eviction(service: Service) -> Iterator[Issue]:
    """Yield that Redis deletes keys when its memory runs out."""
    problem = None if service.allow_eviction else eviction_in(service.info)
    if problem is not None:
        command = redis_cli("CONFIG SET maxmemory-policy noeviction")
        evidence = {"maxmemory_policy": service.info["maxmemory_policy"]}
        remedy = f"`{command}`, and in the server's configuration"
        yield Issue("redis_evicts", f"Redis {problem}", remedy, evidence)


def exposure(service: Service) -> Iterator[Issue]:
    """Yield that others can reach a Redis without a password."""
    if service.exposure is not None:
        problem, _, remedy = service.exposure.rpartition(": ")
        of = "the broker" if problem.startswith("the broker: ") else "Redis"
        yield Issue("redis_open", f"{of} has {problem.removeprefix('the broker: ')}", remedy)


def persistence(service: Service) -> Iterator[Issue]:
    """Yield that Redis forgets what it has not saved, or everything, when it restarts."""
    if service.info.get("aof_enabled") != 0:
        return
    saves = service.redis_settings.get("save")
    lost = "everything" if saves == "" else "what happened since its last snapshot"
    command = redis_cli("CONFIG SET appendonly yes")
    evidence = {"aof_enabled": 0, "save": saves}
    problem = f"Redis has no append-only file: a restart loses {lost}"
    yield Issue("redis_forgets", problem, f"`{command}`, and in the server's configuration", evidence)


def memory(service: Service) -> Iterator[Issue]:
    """Yield that Redis is nearly full."""
    used, most = int(service.info.get("used_memory", 0)), int(service.info.get("maxmemory", 0))
    if most and FULL <= used / most < 1:
        problem = f"Redis uses {used / most:.0%} of its maxmemory ({used / 1e6:,.0f} of {most / 1e6:,.0f} MB)"
        command = redis_cli(f"CONFIG SET maxmemory {2 * most}")
        remedy = f"give it more, `{command}`, or keep less (MISSION_CONTROL_RETENTION_DAYS)"
        yield Issue("redis_memory", problem, remedy, {"used_memory": used, "maxmemory": most})


def latency(service: Service) -> Iterator[Issue]:
    """Yield that Redis is slow or far away."""
    if service.latency >= SLOW:
        problem = (
            f"Redis takes {duration(service.latency)} to answer this machine: beat and workers wait for it"
        )
        remedy = f"see what it does, `{redis_cli('SLOWLOG GET 5')}`, and how far away it is"
        milliseconds = round(service.latency / timedelta(milliseconds=1), 1)
        yield Issue("redis_slow", problem, remedy, {"median_ms": milliseconds})


def version(service: Service) -> Iterator[Issue]:
    """Yield that Redis is older than what Mission Control is tried with."""
    text = str(service.info.get("redis_version", ""))
    numbers = tuple(map(int, re.findall(r"[0-9]+", text)[:2]))
    if numbers and numbers < OLDEST:
        problem = f"Redis is {text}, and Mission Control is made for 7.0 and later"
        remedy = f"upgrade it: `{redis_cli('INFO server')}` shows where it runs"
        yield Issue("redis_old", problem, remedy, {"redis_version": text})


REDIS_CHECKS: Final[tuple[Callable[[Service], Iterator[Issue]], ...]] = (
    eviction,
    exposure,
    persistence,
    memory,
    latency,
    version,
)
