"""An installation whose time stands still, with a beat: the test ends the runs of its pipelines."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from beat.scheduler import MissionControlScheduler
from mission_control.dispatch.enqueue import Dispatch
from mission_control.dispatch.run_ending import RunEnding
from mission_control.installation.installation import Installation, create_app
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from tests.stage.audit_stream import final_records_of

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
ROOT = "20260302T100000Z"
NEVER_BEGUN = {RunState.SKIPPED, RunState.MISSED, RunState.EXPIRED, RunState.CANCELLED}


class World:
    """An installation whose time is `now`, with a beat; the test ends the runs."""

    def __init__(self, installation: Installation) -> None:
        self.now = NINE
        self.ours = Installation(installation.settings, clock=lambda: self.now)
        self.ledger = self.ours.ledger
        self.ending = RunEnding.of(self.ours)
        self.dispatch = Dispatch.of(self.ours)
        app = create_app("beat", lambda: self.ours)
        self.beat = MissionControlScheduler(app, installation=self.ours, lazy=True)

    def root(self, task_id: str, **more: Any) -> None:
        """Register a task that is due every hour, next at ten."""
        self.task(task_id, **{"schedule": {"type": "interval", "hours": 1}, **more})

    def task(self, task_id: str, *after: str | dict[str, Any], **more: Any) -> None:
        """Register a task that comes after others."""
        upstream = [{"task": one} if isinstance(one, str) else one for one in after]
        fields = {"after": upstream} if upstream else {}
        task = {"id": task_id, "handler": "handlers.hello.run", **fields, **more}
        assert self.ours.registry.register(task)

    def fire(self, hour: int | None = None) -> None:
        """Let beat fire what is due, and what follows from runs that have ended."""
        if hour is not None:
            self.now = NINE.replace(hour=hour)
        self.beat._lead.take()
        self.beat.fire_due(self.now)
        self.beat._downstream.fire(lambda: self.now, most_seconds=math.inf)
        self.beat._unfired_records.write(most=None)

    def run(self, task_id: str, root: str = ROOT) -> RunRecord | None:
        """Return the run of a task with a root, if there is one."""
        return self.ledger.get(f"{task_id}@{root}") or self.ledger.get(f"{task_id}@after-{root}")

    def existing(self, task_id: str, root: str = ROOT) -> RunRecord:
        run = self.run(task_id, root)
        assert run is not None, task_id
        return run

    def end(self, run: RunRecord, state: RunState = RunState.SUCCESS, **changes: Any) -> None:
        """End a run, after its start if it must have started."""
        if state not in NEVER_BEGUN:
            begun = self.ledger.begin(run.execution_id, 1, worker="w", at=self.now).run
            assert begun is not None
            run = begun
        assert self.ending.close(run, state, None, **changes) is not None or self.ending.end(
            run, state, at=self.now
        )

    def ends(self, task_id: str, state: RunState = RunState.SUCCESS, root: str = ROOT) -> None:
        """End the run of a task, and let beat see to what follows."""
        self.end(self.existing(task_id, root), state)
        self.fire()

    def records(self, task_id: str) -> list[dict[str, Any]]:
        return list(final_records_of(self.ours, task_id))
