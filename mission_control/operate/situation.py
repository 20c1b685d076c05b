"""How an installation is doing, gathered from Redis in a few round trips."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from redis import Redis

from mission_control.ledger.run_reader import RunReader
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.values.instants import format_instant
from mission_control.operate.journal import quarantined_tasks
from mission_control.operate.runs import run_json
from mission_control.processes.heartbeats import ProcessInfo, live_processes
from mission_control.registry.registry import Registry
from mission_control.registry.task_views import Overview
from mission_control.store import redis_keys
from mission_control.store.address.url_spelling import mask_password
from mission_control.store.key_types import keys_of_wrong_type
from mission_control.store.redis_keys import DEFAULT_REDBEAT_KEYS, RedBeatKeys

_DUE_SHOWN: Final = 5
_RUNS_SHOWN: Final = 100
_DAY: Final = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Situation:
    """The answer of `mission-control status`."""

    now: datetime
    redis_version: str
    beats: list[dict[str, Any]]
    workers: list[dict[str, Any]]
    enabled: int
    disabled: int
    quarantined: Mapping[str, str]
    wrong_keys: Mapping[str, tuple[str, str]]
    active: list[RunRecord]
    active_count: int
    outcomes: Mapping[str, int]
    next_due: list[tuple[TaskDefinition, datetime]]

    def to_json(self, redis: Mapping[str, str]) -> dict[str, Any]:
        """Return it as a JSON object; `redis` says where Redis is, as `redis_place` does."""
        tasks = {
            "enabled": self.enabled,
            "disabled": self.disabled,
            "quarantined": dict(self.quarantined),
        }
        return {
            "time": format_instant(self.now),
            "redis": {**redis, "version": self.redis_version},
            "beats": self.beats,
            "workers": self.workers,
            "tasks": tasks,
            "keys_of_wrong_type": {
                key: {"found": found, "needed": needed} for key, (found, needed) in self.wrong_keys.items()
            },
            "active": {"count": self.active_count, "runs": [run_json(run) for run in self.active]},
            "last_24_hours": dict(self.outcomes),
            "next_due": [_due_json(task, moment) for task, moment in self.next_due],
        }


def redis_place(url: str, *, is_configured: bool) -> dict[str, str]:
    """Return the address of Redis without its password, and whether it is configured or embedded.

    >>> redis_place("redis://:secret@db:6379/0", is_configured=True)
    {'address': 'redis://***@db:6379/0', 'kind': 'configured'}
    """
    return {"address": mask_password(url), "kind": "configured" if is_configured else "embedded"}


def situation(
    client: Redis,
    registry: Registry,
    ledger: RunReader,
    *,
    now: datetime,
    redbeat_keys: RedBeatKeys = DEFAULT_REDBEAT_KEYS,
) -> Situation:
    """Return how an installation is doing now: its processes, tasks, runs, and what is due next.

    Where a key has the wrong type, `wrong_keys` names it, and what it should hold is left out.
    """
    processes, wrong = live_processes(client), keys_of_wrong_type(client, redbeat_keys)
    tasks = registry.overview(due_limit=_DUE_SHOWN) if redis_keys.TASKS not in wrong else Overview(0, 0, [])
    ended = ledger.finished_since(now - _DAY) if redis_keys.FINISHED_RUNS not in wrong else []
    has_runs = redis_keys.ACTIVE_RUNS not in wrong
    return Situation(
        now=now,
        redis_version=_version(client),
        beats=[
            {"name": one.name, "leading": one.info.get("leading", False)}
            for one in processes
            if one.kind == "beat"
        ],
        workers=[_worker(one) for one in processes if one.kind == "worker"],
        enabled=tasks.enabled,
        disabled=tasks.disabled,
        quarantined={} if redis_keys.BEAT_QUARANTINE in wrong else quarantined_tasks(client, redbeat_keys),
        wrong_keys=wrong,
        active=ledger.active(limit=_RUNS_SHOWN) if has_runs else [],
        active_count=ledger.active_count() if has_runs else 0,
        outcomes=dict(Counter(str(run.state) for run in ended).most_common()),
        next_due=tasks.next_due,
    )


def is_served(client: Redis, queue: str) -> bool:
    """Return whether a live worker serves a queue."""
    alive = live_processes(client)
    return any(queue in one.info.get("queues", ()) for one in alive if one.kind == "worker")


def _worker(worker: ProcessInfo) -> dict[str, Any]:
    info = worker.info
    return {"name": worker.name, "queues": info.get("queues", []), "concurrency": info.get("concurrency")}


def _version(client: Redis) -> str:
    info: dict[str, Any] = client.info("server")
    name = str(info.get("server_name", "redis"))
    return f"{name} {info.get('valkey_version', info.get('redis_version', '?'))}"


def _due_json(task: TaskDefinition, moment: datetime) -> dict[str, str]:
    due = format_instant(moment)
    return {"task_id": task.id, "scheduled_time": due, "schedule": task.schedule.describe()}
