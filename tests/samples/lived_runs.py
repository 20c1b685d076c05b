"""Tasks and runs of an installation that has worked for a while, for tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mission_control.ledger.ledger import _keys_of_end
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState, joined
from tests.samples.ledger_runs import a_run

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.ledger.ledger import Ledger

NOW = datetime(2025, 10, 16, 7, 0, tzinfo=UTC)
"""A Thursday, 09:00 in Berlin."""


def register(installation: Installation, task_id: str, schedule: dict[str, Any], **more: Any) -> None:
    """Register a task that greets."""
    definition = {"id": task_id, "handler": "handlers.hello.run", "schedule": schedule, **more}
    assert installation.registry.register(definition)


def ran(
    installation: Installation,
    task_id: str,
    at: datetime,
    state: RunState = RunState.SUCCESS,
    *,
    seconds: float = 2,
    late: float = 1,
    attempts: int = 1,
    **changes: Any,
) -> None:
    """Record a run in the ledger as a worker would, begun `late` seconds after its time."""
    ledger = installation.ledger
    run = a_run(f"{task_id}@{at:%Y%m%dT%H%M%SZ}", scheduled_time=at, dispatched_at=at)
    if state in {RunState.MISSED, RunState.SKIPPED}:
        not_fired(ledger, run, state, changes["reason"], at=at)
        return
    assert ledger.dispatch(run)
    started = at + timedelta(seconds=late)
    for attempt in range(1, attempts + 1):
        begun = ledger.begin(run.execution_id, attempt, worker="w", at=started).run
        assert begun is not None
        finished = started + timedelta(seconds=seconds)
        end = state if attempt == attempts else RunState.RETRYING
        assert ledger.end(begun, end, at=finished, duration_ms=round(seconds * 1000), **changes) is not None


def not_fired(ledger: Ledger, run: RunRecord, state: RunState, reason: str, *, at: datetime) -> bool:
    """Enter an occurrence that does not run, as beat's script does; False if the ledger has it already."""
    closed = replace(run, state=state, reason=reason, finished_at=at)
    argv = ledger._argv_of_end(closed, state, joined({state}), at, None)
    keys = _keys_of_end(closed, ledger._redbeat_keys)
    return ledger.dispatch(closed) is not None and bool(
        ledger._script("end_attempt")(keys=keys, args=[*argv, "", "", "", "state", state])
    )


def context(execution_id: str = "brief@1", now: datetime = NOW, **more: Any) -> dict[str, Any]:
    """Return the context of a run of the task "brief"."""
    return {"task_id": "brief", "execution_id": execution_id, "scheduled_time": now, "attempt": 1, **more}


def text_of(result: dict[str, Any]) -> str:
    """Return the text of the briefing that a successful result names."""
    assert result["status"] == "success", result["error"]
    return Path(result["output"]["path"]).read_text()
