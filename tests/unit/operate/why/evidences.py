"""Evidence as the real decisions leave it, one function for each cause; causes can be put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mission_control.model.definitions.named_budget import Cap
from mission_control.model.definitions.task import TaskDefinition, parse_task
from mission_control.model.policies.pause import PauseKind, PauseLayer
from mission_control.model.runs.cause import Cause
from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.model.runs.new_run import ad_hoc_run
from mission_control.model.runs.run_record import RunRecord, Trigger
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.identifiers import occurrence_execution_id
from mission_control.operate.budgets import Standing
from mission_control.operate.why.evidence import Evidence
from mission_control.processes.heartbeats import ProcessInfo

NINE: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday
HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)
HELLO: Final = "handlers.hello.run"
NINE_RUN: Final = "tea@20260302T090000Z"
BEAT: Final = ProcessInfo("beat", "vm:1", {"leading": True})
WORKER: Final = ProcessInfo(
    "worker", "celery@vm", {"queues": ["default"], "handlers": {HELLO: "1f2e"}, "concurrency": 2}
)
HEALTHY: Final = (BEAT, WORKER)

Change = Callable[[Evidence], Evidence]


def tea(**fields: Any) -> TaskDefinition:
    """A task that is due at nine every day, created a month before."""
    metadata = {"created": "2026-02-01T00:00:00Z", "last_modified": "2026-02-01T00:00:00Z"}
    task = {"id": "tea", "handler": HELLO, "schedule": {"type": "daily", "time": "09:00"}}
    return parse_task({**task, "metadata": metadata, **fields})


def ahead(task: TaskDefinition | None = None, at: datetime = NINE) -> Evidence:
    """The occurrence at nine, an hour before it is due, while all is well."""
    task = tea() if task is None else task
    return Evidence(
        now=at - HOUR,
        task_id="tea",
        scheduled=at,
        execution_id=occurrence_execution_id("tea", at),
        task=task,
        due=at.timestamp(),
        processes=HEALTHY,
    )


def past(evidence: Evidence) -> Evidence:
    """The same an hour after it was due, without a run."""
    return replace(evidence, now=NINE + HOUR, due=(NINE + 24 * HOUR).timestamp())


def a_run(state: RunState = RunState.DISPATCHED, **fields: Any) -> RunRecord:
    """The run of the occurrence at nine, dispatched on time."""
    run = ad_hoc_run(HELLO, {}, ulid="1", at=NINE, now=NINE, queue="default")
    own = {"execution_id": NINE_RUN, "task_id": "tea", "trigger": Trigger.SCHEDULE, "state": state}
    return replace(run, **{**own, **fields})


def of_run(run: RunRecord, *, after: timedelta = HOUR, **more: Any) -> Evidence:
    """What is known of a run some time after nine."""
    given = {"task": tea(), "processes": HEALTHY, "due": (NINE + 24 * HOUR).timestamp(), **more}
    return Evidence(
        now=NINE + after,
        task_id="tea",
        scheduled=NINE,
        execution_id=run.execution_id,
        run=run,
        **given,
    )


def waiting(**fields: Any) -> Evidence:
    return of_run(a_run(**fields), after=MINUTE)


def begun(state: RunState, **fields: Any) -> Evidence:
    start = {"attempt": 1, "started_at": NINE, "worker": "celery@vm", "finished_at": NINE + MINUTE}
    return of_run(a_run(state, **{**start, **fields}))


def unfired(state: RunState, reason: str, cause: Cause, **more: Any) -> Evidence:
    """An occurrence that was skipped or missed, as the fire script writes it."""
    fields = {"reason": reason, "cause": cause.to_dict(), "finished_at": NINE, "dispatched_at": NINE}
    return of_run(a_run(state, **fields), **more)


def layer(kind: PauseKind = PauseKind.TASK, value: str = "tea", **fields: Any) -> PauseLayer:
    return PauseLayer(kind, value, since=NINE - 2 * HOUR, who="ada", **fields)


def with_layer(one: PauseLayer) -> Change:
    return lambda evidence: replace(evidence, layers=(*evidence.layers, one))


def with_task(**fields: Any) -> Change:
    def changed(evidence: Evidence) -> Evidence:
        assert evidence.task is not None
        return replace(evidence, task=parse_task({**evidence.task.to_dict(), **fields}))

    return changed


def with_run(**fields: Any) -> Change:
    def changed(evidence: Evidence) -> Evidence:
        assert evidence.run is not None
        return replace(evidence, run=replace(evidence.run, **fields))

    return changed


def known(**fields: Any) -> Change:
    return lambda evidence: replace(evidence, **fields)


def by_hand(**fields: Any) -> Change:
    change = ChangedOccurrence("tea", NINE, since=NINE - HOUR, who="ada", **fields)
    return lambda evidence: replace(evidence, changed=(change,))


def used_up() -> Standing:
    """A budget of which nothing is left for hours."""
    cap = Cap(100, 86_400)
    return Standing("b", "runs", "100/d", cap, 100, 0, NINE + 5 * HOUR, {})
