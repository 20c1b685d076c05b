"""How many runs of a task may wait, and how often a task may be due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

from beat.scheduler import MissionControlScheduler
from mission_control import enable_task, register_task, update_task
from mission_control.dispatch.enqueue import Dispatch
from mission_control.errors import InvalidTaskError
from mission_control.installation.installation import create_app, current_installation
from mission_control.model.runs.run_state import RunState
from tests.stage.audit_stream import final_records_of

pytestmark = pytest.mark.usefixtures("installation")

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def fire(installation: Installation, first: datetime, seconds: int) -> datetime:
    """Let a beat fire what is due in each of some seconds."""
    app = create_app("beat", lambda: installation)
    beat = MissionControlScheduler(app, installation=installation, lazy=True)
    moments = [first + at * SECOND for at in range(seconds)]
    with time_machine.travel(first, tick=False) as traveller:
        beat._lead.take()
        for moment in moments:
            traveller.move_to(moment)
            beat.fire_due(moment)
        beat._unfired_records.write()
        beat.close()
    return moments[-1] + SECOND


def states(installation: Installation, task_id: str) -> list[str]:
    runs = installation.ledger.runs_of(task_id, limit=100)
    return [str(run.state) for run in sorted(runs, key=lambda run: run.scheduled_time)]


def test_task_with_too_many_waiting_runs_misses_occurrences_until_some_end(
    bare_environment: pytest.MonkeyPatch,
) -> None:
    bare_environment.setenv("MISSION_CONTROL_MAX_WAITING_RUNS", "5")
    ours = current_installation()
    with time_machine.travel(NINE, tick=False):
        for name in ("flood", "tea"):
            every = {"type": "interval", "seconds": 1 if name == "flood" else 4}
            task = {"id": name, "schedule": every, "handler": "handlers.hello.run", "overlap": "allow"}
            assert register_task(task)
        Dispatch.of(ours).enqueue("flood")
    then = fire(ours, NINE + SECOND, 12)
    assert states(ours, "flood") == [*["dispatched"] * 5, *["missed"] * 8]
    assert states(ours, "tea") == ["dispatched"] * 3
    (record, *_) = final_records_of(ours, "flood")
    assert record["status"] == "missed"
    assert record["reason"] == "5 runs of the task had not ended (MISSION_CONTROL_MAX_WAITING_RUNS)"

    for run in ours.ledger.active_of("flood")[:2]:
        ours.ledger.end(run, RunState.CANCELLED, at=NINE)
    fire(ours, then, 3)
    assert states(ours, "flood")[-3:] == ["dispatched", "dispatched", "missed"]
    assert len(ours.ledger.active_of("flood")) == 5


def test_task_that_is_due_too_often_is_not_registered_changed_or_enabled(
    bare_environment: pytest.MonkeyPatch,
) -> None:
    often = {"type": "interval", "seconds": 0.002}
    task = {"id": "flood", "schedule": often, "handler": "handlers.hello.run"}
    refused = pytest.raises(InvalidTaskError, match=r"0\.002 s apart, and 0\.1 s is the least here")
    with refused:
        register_task(task)
    assert register_task({**task, "schedule": {"type": "interval", "minutes": 1}})
    with refused:
        update_task("flood", {"schedule": often})
    assert update_task("flood", {"schedule": often, "enabled": False})
    with refused:
        enable_task("flood")
    bare_environment.setenv("MISSION_CONTROL_LEAST_INTERVAL", "1ms")
    assert enable_task("flood")
