"""Enters the runs that are active as a simulation begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mission_control.model.runs.run_record import RunRecord, Trigger
from mission_control.model.runs.run_state import RunState
from mission_control.operate.simulation.budget_accounts import Reservation
from mission_control.operate.simulation.engine import Engine
from mission_control.operate.simulation.scenario import Scenario
from mission_control.operate.simulation.simulated_run import SimulatedRun, Work


@dataclass(frozen=True, slots=True)
class ActiveRun:
    """A run that is active as a simulation begins, with what it has reserved of budgets."""

    record: RunRecord
    work: Work
    reserved: Sequence[Reservation]


def active_runs(scenario: Scenario) -> list[ActiveRun]:
    """Return the active runs of a scenario: running ones first, then those that have waited longest."""
    return [
        ActiveRun(
            record,
            Work.of_record(record, scenario.tasks.get(record.task_id)),
            [
                Reservation(name, unit, amount)
                for name, held in scenario.reserved.items()
                for unit, amount in held.get(record.execution_id, {}).items()
            ],
        )
        for record in sorted(scenario.active, key=_turn)
    ]


def enter_active(engine: Engine, active: Iterable[ActiveRun]) -> None:
    """Let active runs go on: running ones in their slots, waiting ones in their order."""
    for one in active:
        record, run = one.record, _run(one.record, one.work)
        engine.budgets.hold(run, one.reserved)
        if record.waits_for is not None and engine.turns.blocker(record.task_id) is not None:
            engine.turns.wait(run)
            continue
        if record.trigger is not Trigger.BACKFILL and not record.overlaps:
            engine.turns.count(run)
        _go_on(engine, record, run)


def _turn(record: RunRecord) -> tuple[bool, bool, datetime]:
    """Order runs: those that run, those that wait for no other of their task, then the longest waiting."""
    times = (record.released_at, record.limited_until, record.dispatched_at)
    since = next(one for one in times if one is not None)
    return record.state is not RunState.RUNNING, record.waits_for is not None, since


def _run(record: RunRecord, work: Work) -> SimulatedRun:
    run = SimulatedRun(work, record.execution_id, record.due_at.timestamp(), record.root)
    run.attempt = record.attempt - (record.state is RunState.INTERRUPTED)  # that begins the same again
    run.expires = None if record.expires_at is None else record.expires_at.timestamp()
    return run


def _go_on(engine: Engine, record: RunRecord, run: SimulatedRun) -> None:
    if record.state is RunState.RUNNING and record.started_at is not None:
        age = max(0.0, engine.now - record.started_at.timestamp())
        engine.go_on(run, engine.draws.seconds(record.task_id, age) - age)
        return
    ready = record.retry_at if record.retry_at is not None else record.due_at
    engine.at(max(engine.now, ready.timestamp()), run)
