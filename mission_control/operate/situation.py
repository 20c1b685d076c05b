"""How an installation is doing, gathered from Redis in a few round trips."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from mission_control.model.values.instants import format_instant
from mission_control.operate.run_json import run_json
from mission_control.processes.heartbeats import live_processes
from mission_control.store import redis_keys
from mission_control.store.address.url_spelling import mask_password
from mission_control.store.key_types import keys_of_wrong_type

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mission_control.installation.installation import Installation
    from mission_control.model.definitions.task import TaskDefinition
    from mission_control.model.runs.run_record import RunRecord

_DUE_SHOWN: Final = 5
_DAY: Final = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What `mission-control status` tells."""

    now: datetime
    redis_address: str
    redis_kind: str
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

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "time": format_instant(self.now),
            "redis": {"address": self.redis_address, "kind": self.redis_kind, "version": self.redis_version},
            "beats": self.beats,
            "workers": self.workers,
            "tasks": {
                "enabled": self.enabled,
                "disabled": self.disabled,
                "quarantined": dict(self.quarantined),
            },
            "keys_of_wrong_type": {
                key: {"found": found, "needed": needed} for key, (found, needed) in self.wrong_keys.items()
            },
            "active": {"count": self.active_count, "runs": [run_json(run) for run in self.active]},
            "last_24_hours": dict(self.outcomes),
            "next_due": [
                {
                    "task_id": task.id,
                    "scheduled_time": format_instant(moment),
                    "schedule": task.schedule.describe(),
                }
                for task, moment in self.next_due
            ],
        }


def look(installation: Installation) -> Situation:
    """Gather how an installation is doing now."""
    now = installation.clock()
    alive = live_processes(installation.client)
    tasks = installation.registry.overview(due_limit=_DUE_SHOWN)
    finished = installation.ledger.finished_since(now - _DAY)
    is_configured = bool((installation.settings.redis_url or "").strip())
    return Situation(
        now=now,
        redis_address=mask_password(installation.redis_url),
        redis_kind="configured" if is_configured else "embedded",
        redis_version=_version(installation),
        beats=[
            {"name": one.name, "leading": one.info.get("leading", False)}
            for one in alive
            if one.kind == "beat"
        ],
        workers=[_worker(one.name, one.info) for one in alive if one.kind == "worker"],
        enabled=tasks.enabled,
        disabled=tasks.disabled,
        quarantined=quarantined_tasks(installation),
        wrong_keys=keys_of_wrong_type(installation.client, installation.redbeat_keys),
        active=installation.ledger.active(limit=100),
        active_count=installation.ledger.active_count(),
        outcomes=dict(Counter(str(run.state) for run in finished).most_common()),
        next_due=tasks.next_due,
    )


def _worker(name: str, info: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "queues": info.get("queues", []), "concurrency": info.get("concurrency")}


def _version(installation: Installation) -> str:
    info: dict[str, Any] = installation.client.info("server")
    name = str(info.get("server_name", "redis"))
    version = info.get("valkey_version", info.get("redis_version", "?"))
    return f"{name} {version}"


def quarantined_tasks(installation: Installation) -> dict[str, str]:
    """Return what is wrong with each entry set aside, by the entry's name (a task's id)."""
    noted = installation.client.hgetall(redis_keys.BEAT_QUARANTINE)
    found = {str(key): str(note) for key, note in noted.items()}
    prefix = installation.redbeat_keys.prefix
    return {key.removeprefix(prefix): _problem(note) for key, note in sorted(found.items())}


def _problem(note: str) -> str:
    try:
        return str(json.loads(note)["problem"])
    except (ValueError, KeyError, TypeError):
        return note
