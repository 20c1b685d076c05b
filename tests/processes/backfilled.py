"""A day on which past occurrences are run: the steps of beat, and a worker that is the test."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from beat.follow_up.backfill_release import BackfillRelease
from mission_control.cli.backfill.start import backfilling_of
from mission_control.dispatch.run_control import RunControl
from mission_control.model.runs.run_state import RunState
from mission_control.operate.backfilling import BackfillPreview, BackfillRequest
from mission_control.processes.heartbeats import Heartbeat
from tests.processes.minutely import MINUTE, NINE, Day

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.model.runs.backfill_plan import BackfillPlan
    from mission_control.model.runs.run_record import RunRecord

EIGHT = NINE - 60 * MINUTE
LIST = "default\x06\x169"


class Backfilled(Day):
    """A day with a worker of so many slots, which runs nothing."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder)
        self.slots(8)
        self.release = self.new_release()

    def slots(self, number: int) -> None:
        Heartbeat(self.ours.client, "worker", "w@test").beat(queues=["default"], concurrency=number)

    def new_release(self) -> BackfillRelease:
        """Return what a beat that has just started sends with."""
        ours, beat = self.ours, self.new_beat()
        control = RunControl.of(ours)
        parts = (ours.client, ours.backfills, lambda: ours.registry, control, beat._sender, ours.clock)
        return BackfillRelease(*parts)

    def preview(self, *, task_id: str = "a", **fields: Any) -> BackfillPreview:
        request = {"start": EIGHT, "end": NINE, **fields}
        return backfilling_of(self.ours).preview(BackfillRequest(task_id=task_id, **request))

    def start(self, **fields: Any) -> str:
        preview = self.preview(**fields)
        backfilling_of(self.ours).start(preview)
        return preview.plan.backfill_id

    def step(self) -> list[str]:
        """Do a step, and return the ids of the messages that it has sent, oldest first."""
        self.ours.client.delete(LIST)
        self.release.step(None)
        return [json.loads(one)["headers"]["id"] for one in self.ours.client.lrange(LIST, 0, -1)][::-1]

    def active(self) -> list[RunRecord]:
        return sorted(self.ours.ledger.active(), key=lambda run: run.scheduled_time)

    def end_all(self, state: RunState = RunState.SUCCESS) -> None:
        """Run and end what is active, as a worker does."""
        control = RunControl.of(self.ours)
        for run in self.active():
            begun = self.ours.ledger.begin(run.execution_id, 1, worker="w@test", at=self.now).run
            assert begun is not None
            ended = control.ending.end(begun, state, at=self.now)
            assert ended is not None
            control.ending.record(ended, at=self.now)

    def finish(self, backfill_id: str, state: RunState = RunState.SUCCESS) -> BackfillPlan:
        while self.plan(backfill_id).finished_at is None:
            self.step()
            self.end_all(state)
        return self.plan(backfill_id)

    def plan(self, backfill_id: str) -> BackfillPlan:
        plan = self.ours.backfills.get(backfill_id)
        assert plan is not None
        return plan

    def ids(self) -> list[str]:
        runs = self.ours.ledger.runs_of("a", limit=1_000)
        return [run.execution_id for run in sorted(runs, key=lambda run: run.scheduled_time)]
