"""How an installation is doing, gathered from Redis in a few round trips."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from redis import Redis

from mission_control.errors import StoreUnavailableError
from mission_control.ledger.run_reader import RunReader
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.pause import PauseLayer
from mission_control.model.runs.backfill_plan import BackfillPlan
from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.values.instants import format_instant
from mission_control.operate.health import (
    beat_issues,
    broker_issue,
    key_issues,
    of_runs,
    overdue_issues,
    quarantine_issues,
    refusal_issues,
    service_issues,
    upstream_issues,
)
from mission_control.operate.issue import Issue
from mission_control.operate.journal import ENTRY_KINDS
from mission_control.operate.limits import waiting_by_limit
from mission_control.operate.next_times import changed_json, changed_to_come
from mission_control.operate.pausing import layer_json
from mission_control.operate.queues import QueueState, waiting_queues
from mission_control.operate.redbeat_entries import RedBeatEntry
from mission_control.operate.runs import run_json
from mission_control.operate.situation_parts import SoundParts
from mission_control.processes.heartbeats import ANSWER_SECONDS, ProcessInfo, live_processes
from mission_control.registry.registry import Registry
from mission_control.store.address.url_spelling import mask_password
from mission_control.store.key_types import keys_of_wrong_type
from mission_control.store.redis_keys import DEFAULT_REDBEAT_KEYS, RedBeatKeys

if TYPE_CHECKING:
    from celery import Celery

_RUNS_SHOWN: Final = 100


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
    redbeat_entries: list[RedBeatEntry]
    active: list[RunRecord]
    active_count: int
    queues: list[QueueState]
    issues: list[Issue]
    outcomes: Mapping[str, int]
    next_due: list[tuple[TaskDefinition, datetime]]
    pauses: list[PauseLayer]
    skips: Mapping[str, int]
    changed: list[tuple[ChangedOccurrence, bool]]
    backfills: list[BackfillPlan]
    limited: list[str]
    budgets: list[str]
    approvals: int

    def to_json(self, redis: Mapping[str, str]) -> dict[str, Any]:
        """Return it as a JSON object; `redis` says where Redis is, as `redis_place` does."""
        tasks = {"enabled": self.enabled, "disabled": self.disabled, "quarantined": dict(self.quarantined)}
        return {
            "time": format_instant(self.now),
            "ok": not self.issues,
            "issues": [one.to_json() for one in self.issues],
            "redis": {**redis, "version": self.redis_version},
            "beats": self.beats,
            "workers": self.workers,
            "tasks": tasks,
            "limits": self.limited,
            "budgets": self.budgets,
            "approvals": self.approvals,
            "pauses": [layer_json(one) for one in self.pauses],
            "changed_occurrences": [changed_json(one, is_void=is_void) for one, is_void in self.changed],
            "backfills": [one.to_json() for one in self.backfills],
            "keys_of_wrong_type": {
                key: {"found": found, "needed": needed} for key, (found, needed) in self.wrong_keys.items()
            },
            "redbeat_entries": [one.to_json() for one in self.redbeat_entries],
            "queues": [self._queue_json(one) for one in self.queues],
            "active": {"count": self.active_count, "runs": [run_json(run) for run in self.active]},
            "skipped_in_a_row": dict(self.skips),
            "last_24_hours": dict(self.outcomes),
            "next_due": [_due_json(task, moment) for task, moment in self.next_due],
        }

    def _queue_json(self, queue: QueueState) -> dict[str, Any]:
        seconds = None if queue.oldest is None else round((self.now - queue.oldest).total_seconds())
        return {"name": queue.name, "waiting": queue.waiting, "oldest_seconds": seconds}


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
    app: Celery,
    *,
    now: datetime,
    redbeat_keys: RedBeatKeys = DEFAULT_REDBEAT_KEYS,
    with_outcomes: bool = True,
    only: Collection[str] | None = None,
) -> Situation:
    """Return how an installation is doing now: processes, tasks, runs, what is due next, and what is wrong.

    `app` is the Celery application of its broker. `with_outcomes` counts how the runs of a day ended. Where
    a key has the wrong type, `wrong_keys` names it, and what it should hold is left out. A broker that cannot
    be reached is an issue. With `only`, tasks and runs are of these; `situation_of_some` leaves out the rest.
    """
    wrong = keys_of_wrong_type(client, redbeat_keys)
    info: Any = client.info()
    here = SoundParts(client, registry, ledger, now, redbeat_keys, wrong.keys(), only)
    alive = live_processes(client, within_seconds=ANSWER_SECONDS)
    tasks, active, pauses = here.tasks(), here.active(), here.pauses()
    notes = here.quarantine_notes(tasks)
    queues, broker_issues = _queues(app, ledger, {queue for queue, _ in (*tasks.work, *of_runs(active))})
    shown = active[:_RUNS_SHOWN]
    return Situation(
        now=now,
        redis_version=_version(info),
        beats=[_beat(one) for one in alive if one.kind == "beat"],
        workers=[_worker(one) for one in alive if one.kind == "worker"],
        enabled=tasks.enabled,
        disabled=tasks.disabled,
        quarantined={note["what"]: note["problem"] for note in notes if note["kind"] in ENTRY_KINDS},
        wrong_keys=wrong,
        redbeat_entries=here.redbeat_entries(),
        active=shown,
        active_count=ledger.active_count() if active else 0,
        queues=queues,
        issues=[
            *refusal_issues(info),
            *key_issues(wrong),
            *broker_issues,
            *beat_issues(alive),
            *overdue_issues(here.late()),
            *service_issues(alive, tasks.work, active, queues, now),
            *upstream_issues(tasks.missing_upstream),
            *quarantine_issues(notes),
        ],
        outcomes=here.outcomes() if with_outcomes else {},
        next_due=tasks.next_due,
        pauses=pauses.in_force(now),
        skips=_skips(ledger, {*(run.task_id for run in shown), *tasks.conditional}),
        changed=changed_to_come(registry, pauses),
        backfills=here.backfills(),
        limited=waiting_by_limit(active),
        budgets=here.budgets(),
        approvals=here.approvals(),
    )


def _skips(ledger: RunReader, task_ids: Iterable[str]) -> dict[str, int]:
    """Return how many occurrences in a row were skipped of those tasks of which any was."""
    names = sorted(task_ids)
    histories = zip(names, ledger.histories(names), strict=True)
    return {name: one.consecutive_skips for name, one in histories if one.consecutive_skips}


def _queues(app: Celery, ledger: RunReader, names: set[str]) -> tuple[list[QueueState], list[Issue]]:
    try:
        return waiting_queues(app, ledger, names), []
    except StoreUnavailableError as error:
        return [], [broker_issue(str(error))]


def _beat(beat: ProcessInfo) -> dict[str, Any]:
    return {"name": beat.name, "leading": beat.info.get("leading", False)}


def _worker(worker: ProcessInfo) -> dict[str, Any]:
    info = worker.info
    return {"name": worker.name, "queues": info.get("queues", []), "concurrency": info.get("concurrency")}


def _version(info: Mapping[str, Any]) -> str:
    name = str(info.get("server_name", "redis"))
    return f"{name} {info.get('valkey_version', info.get('redis_version', '?'))}"


def _due_json(task: TaskDefinition, moment: datetime) -> dict[str, str]:
    due = format_instant(moment)
    return {"task_id": task.id, "scheduled_time": due, "schedule": task.schedule.describe()}
