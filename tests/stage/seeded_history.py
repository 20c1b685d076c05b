"""An installation that looks as if it had run for days: tasks of all kinds, runs that ended in every way."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mission_control.model.figures.rollup import WHOLE, RollUp
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RAN_AND_FAILED, RunState
from mission_control.model.values.identifiers import occurrence_execution_id
from mission_control.operate.runs import run_json
from mission_control.store import redis_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from redis import Redis

    from mission_control.installation.installation import Installation

ENDS = (
    [RunState.SUCCESS] * 30 + [RunState.FAILURE] * 2 + [RunState.TIMED_OUT, RunState.SKIPPED, RunState.MISSED]
)
ERRORS = (
    "ConnectionError: the ledger service did not answer within 30 s",
    "ValueError: month 13 is no month",
)
HOSTILE = "<script>alert(1)</script>"


def task(task_id: str, schedule: str | None, **more: Any) -> dict[str, Any]:
    """Return the definition of a task, its schedule in words."""
    rule = {} if schedule is None else {"schedule": schedule}
    return {"id": task_id, "handler": "handlers.hello.run", **rule, **more}


TASKS = [
    task("daily_briefing", "daily 09:00 Europe/Berlin", name="Daily briefing"),
    task("import_orders", "every 5m", name="Import orders", queue="default", tags=["shop"]),
    task("check_stock", None, after=[{"task": "import_orders"}], tags=["shop"]),
    task("billing", "0 2 * * 1-5", name=f"Billing {HOSTILE}", description="monthly invoices"),
    task("mail_report", None, after=[{"task": "check_stock"}, {"task": "import_orders", "on": "finished"}]),
    task("backup.nightly", "daily 03:30 Europe/London", timeout_seconds=3_600),
    task("agent_research", "weekly mon,fri 16:00 America/New_York", limits=["llm-api"], budgets=["agents"]),
]


def seed(installation: Installation, *, tasks: Iterable[dict[str, Any]] = TASKS, runs_each: int = 80) -> None:
    """Register tasks, a limit and a budget, and enter ended runs of each; equal clocks give equal runs."""
    installation.limits.set({"name": "llm-api", "concurrency": 2})
    installation.budgets.set({"name": "agents", "usd": "5/d"})
    now, draw = installation.clock().replace(microsecond=0), random.Random(7)
    runs = list[RunRecord]()
    for one in tasks:
        installation.registry.register(one)
        runs += [_ended(one, now, at, draw) for at in range(1, runs_each + 1)]
    enter(installation.client, runs)


def _ended(of: dict[str, Any], now: datetime, at: int, draw: random.Random) -> RunRecord:
    due = now - timedelta(minutes=17 * at)
    state = draw.choice(ENDS)
    started = due + timedelta(milliseconds=draw.randint(8, 900))
    took = draw.randint(300, 900) * (1 if at > 20 else 3)  # since revision 2 it takes three times as long
    ran = state not in {RunState.SKIPPED, RunState.MISSED}
    return RunRecord(
        execution_id=occurrence_execution_id(of["id"], due),
        task_id=of["id"],
        handler=of["handler"],
        scheduled_time=due,
        dispatched_at=due + timedelta(milliseconds=5),
        state=state,
        revision=1 if at > 20 else 2,
        attempt=int(ran),
        started_at=started if ran else None,
        finished_at=started + timedelta(milliseconds=took),
        duration_ms=took if ran else None,
        worker="celery@host" if ran else None,
        output=f"{at} rows {HOSTILE}" if state is RunState.SUCCESS else None,
        error=draw.choice(ERRORS) if state in RAN_AND_FAILED else None,
        reason=None if ran else "the run before still ran" if state is RunState.SKIPPED else "no beat ran",
        cause=None if ran else {"class": "overlap" if state is RunState.SKIPPED else "misfire"},
    )


def enter(client: Redis, runs: Sequence[RunRecord]) -> None:
    """Put ended runs into the ledger as if they had ended there."""
    ended = {run.execution_id: run.finished_at.timestamp() for run in runs if run.finished_at is not None}
    assert len(ended) == len(runs)
    with client.pipeline(transaction=False) as pipe:
        for run in runs:
            stored: Any = run.to_hash()
            pipe.hset(redis_keys.run(run.execution_id), mapping=stored)
        pipe.zadd(redis_keys.FINISHED_RUNS, ended)
        for task_id, own in _by_task(runs).items():
            due = {run.execution_id: run.scheduled_time.timestamp() for run in own}
            pipe.zadd(redis_keys.task_runs(task_id), due)
            successes = sum(run.state is RunState.SUCCESS for run in own)
            failures = sum(run.state in RAN_AND_FAILED for run in own)
            counters = {"success_count": successes, "failure_count": failures}
            for name, count in {**counters, "total_runs": successes + failures}.items():
                pipe.hincrby(redis_keys.history(task_id), name, count)
        for hour, figures in _figures(runs).items():
            pipe.hset(redis_keys.rollup(str(hour)), mapping=figures)
        pipe.execute()


def _by_task(runs: Iterable[RunRecord]) -> dict[str, list[RunRecord]]:
    found = defaultdict[str, list[RunRecord]](list)
    for run in runs:
        found[run.task_id].append(run)
    return found


def _figures(runs: Iterable[RunRecord]) -> dict[int, Any]:
    """Return the hourly figures of some runs, as Redis has them: by hour, then task and revision."""
    found = defaultdict[tuple[int, str], RollUp](RollUp)
    for run in runs:
        assert run.finished_at is not None
        record = {**run_json(run), "status": str(run.state), "final": True}
        for name in (f"{run.task_id}\t{run.revision}", WHOLE):
            found[int(run.finished_at.timestamp()) // 3_600, name].add_record(record)
    by_hour = defaultdict[int, dict[str, str]](dict)
    for (hour, name), one in found.items():
        by_hour[hour][name] = json.dumps(one.to_json())
    return by_hour
