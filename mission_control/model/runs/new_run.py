"""The ways in which a run of ours comes about: an occurrence, a request, a repetition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from mission_control.model.definitions.schedules import spread_offset
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.definitions.task_parts import RetryPolicy
from mission_control.model.runs.run_record import RunRecord, Trigger, json_text
from mission_control.model.values.identifiers import (
    downstream_execution_id,
    manual_execution_id,
    occurrence_execution_id,
)
from mission_control.model.values.instants import format_instant

NO_RETRIES: Final = {"max_retries": 0}
"""The retry policy of a run without a task."""

_REPEATED: Final = (
    *("task_id", "handler", "params", "secret_params", "retry_policy", "timeout_seconds", "fresh_process"),
    *("breaker", "notify", "overlaps", "limits", "budgets", "deadline", "upstream", "queue", "priority"),
    "revision",
)


@dataclass(frozen=True, slots=True)
class Origin:
    """The runs that a run comes after: `root` is the first of all, `upstream` those right before it.

    `backfill` is that of the root, which the run then counts as, too.
    """

    root: str
    upstream: Sequence[str]
    backfill: str | None = None

    def applied(self, spec: Mapping[str, str]) -> dict[str, str]:
        """Return the spec of an occurrence as that of a run that comes after these, without a spread."""
        return {
            **{name: text for name, text in spec.items() if name != "spread_seconds"},
            "execution_id": downstream_execution_id(spec["task_id"], self.root),
            "trigger": str(Trigger.AFTER),
            "root": self.root,
            "upstream": json_text(list(self.upstream)),
            **({} if self.backfill is None else {"backfill": self.backfill}),
        }


def occurrence_spec(
    task: TaskDefinition,
    task_id: str,
    scheduled_time: datetime,
    *,
    params: str,
    revision: int,
    now: datetime,
    moved_to: datetime | None = None,
) -> dict[str, str]:
    """Return the `spec` of the run of one occurrence, as `RunRecord.to_hash` encodes it.

    Its id depends on the task and the scheduled time alone, also of one that was moved; `params` is JSON
    text. Beat fires thousands of occurrences at one instant: `task` may stand for all tasks that differ only
    in `task_id`, `params` and `revision`, so that the fields they share are encoded once.
    """
    spec = {
        **_shared_spec(task),
        "execution_id": occurrence_execution_id(task_id, scheduled_time),
        "task_id": task_id,
        "scheduled_time": format_instant(scheduled_time),
        "params": params,
        "revision": str(revision),
    }
    if task.schedule.spread_seconds:
        spread = spread_offset(task_id, task.schedule.spread_seconds)
        spec["spread_seconds"] = str(spread.total_seconds())
    if moved_to is not None:
        spec["moved_to"] = format_instant(moved_to)
    expires = expires_at(task, scheduled_time if moved_to is None else moved_to, now)
    if expires is not None:
        spec["expires_at"] = format_instant(expires)
    return spec


def expires_at(task: TaskDefinition, scheduled_time: datetime, now: datetime) -> datetime | None:
    """Return when a run of `task` expires unless it has started; None if it never does."""
    if task.expires_seconds is None:
        return None
    return max(now, scheduled_time) + timedelta(seconds=task.expires_seconds)


def manual_run(
    task: TaskDefinition, *, ulid: str, at: datetime, now: datetime, overlaps: bool = False
) -> RunRecord:
    """Return a run of `task` outside its schedule, due at `at`.

    Unless it `overlaps`, or the task allows it, it waits while another run of the task is active.
    """
    return RunRecord(
        execution_id=manual_execution_id(task.id, ulid),
        task_id=task.id,
        handler=task.handler,
        scheduled_time=at,
        dispatched_at=now,
        trigger=Trigger.MANUAL,
        params=dict(task.params),
        secret_params=list(task.secret) or None,
        retry_policy=task.retry_policy.model_dump(mode="json"),
        timeout_seconds=task.timeout_seconds,
        fresh_process=task.fresh_process or None,
        breaker=task.breaker,
        notify=task.notify_given,
        overlaps=overlaps or task.overlap == "allow" or None,
        limits=[[one.name, one.weight] for one in task.limits] or None,
        budgets=[one.of_run() for one in task.budgets] or None,
        deadline=None if task.deadline is None else task.deadline.of_run(task.schedule.timezone),
        expires_at=expires_at(task, at, now),
        queue=task.queue,
        priority=task.priority,
        revision=task.metadata.revision,
    )


def backfill_run(
    task: TaskDefinition, backfill_id: str, execution_id: str, *, at: datetime, now: datetime, priority: int
) -> RunRecord:
    """Return a run of an occurrence in the past, at `at`. It has no deadline and no circuit breaker."""
    run = manual_run(task, ulid="", at=at, now=now)
    return replace(
        run,
        execution_id=execution_id,
        trigger=Trigger.BACKFILL,
        backfill=backfill_id,
        priority=priority,
        breaker=None,
        deadline=None,
        condition=None if task.condition is None else task.condition.for_worker,
        expires_at=None,
    )


def ad_hoc_run(
    handler: str, params: dict[str, Any], *, ulid: str, at: datetime, now: datetime, queue: str
) -> RunRecord:
    """Return a run of a handler without a task: its path stands for the task id, and it is not retried."""
    return RunRecord(
        execution_id=manual_execution_id(handler, ulid),
        task_id=handler,
        handler=handler,
        scheduled_time=at,
        dispatched_at=now,
        trigger=Trigger.MANUAL,
        params=params,
        retry_policy=NO_RETRIES,
        queue=queue,
    )


def repeated_run(run: RunRecord, *, ulid: str, now: datetime) -> RunRecord:
    """Return a new manual run, due now, that does what a finished run did; it never expires."""
    return RunRecord(
        execution_id=manual_execution_id(run.task_id, ulid),
        scheduled_time=now,
        dispatched_at=now,
        trigger=Trigger.MANUAL,
        **{name: getattr(run, name) for name in _REPEATED},
    )


def _shared_spec(task: TaskDefinition) -> dict[str, str]:
    """Return the fields of a run's spec that do not depend on the occurrence."""
    spec = {
        "handler": task.handler,
        "trigger": str(Trigger.SCHEDULE),
        "retry_policy": _policy_json(task.retry_policy),
        "queue": task.queue,
        "priority": str(task.priority),
        "is_fixed_delay": json_text(task.schedule.is_fixed_delay),
    }
    if task.secret:
        spec["secret_params"] = json_text(task.secret)
    if task.breaker is not None:
        spec["breaker"] = json_text(task.breaker)
    if task.limits:
        spec["limits"] = json_text([[one.name, one.weight] for one in task.limits])
    if task.budgets:
        spec["budgets"] = json_text([one.of_run() for one in task.budgets])
    if task.deadline is not None:
        spec["deadline"] = json_text(task.deadline.of_run(task.schedule.timezone))
    if task.notify_given is not None:
        spec["notify"] = json_text(task.notify_given)
    if task.condition is not None and task.condition.handler is not None:
        spec["condition"] = json_text(task.condition.for_worker)
    if task.fresh_process:
        spec["fresh_process"] = json_text(True)  # JSON
    if task.timeout_seconds is not None:
        spec["timeout_seconds"] = str(task.timeout_seconds)
    return spec


@lru_cache(maxsize=256)
def _policy_json(policy: RetryPolicy) -> str:
    return json_text(policy.model_dump(mode="json"))
