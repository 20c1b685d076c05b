"""An installation whose time is the test's, with a beat that looks at its tasks every half minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from beat.scheduler import MissionControlScheduler
from mission_control.configuration.settings import read_settings
from mission_control.dispatch.enqueue import Dispatch
from mission_control.dispatch.run_control import RunControl
from mission_control.installation.installation import Installation, create_app
from mission_control.model.policies.pause import PauseKind
from mission_control.operate.occurrences import Occurrences
from mission_control.operate.pausing import Pausing
from mission_control.operate.resuming import Resumed, Resuming
from mission_control.store import redis_keys

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.operate.pausing import Paused

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
A: tuple[PauseKind, str] = (PauseKind.TASK, "a")
ALL: tuple[PauseKind, str] = (PauseKind.ALL, "")


class Day:
    """An installation whose time is `now`, with a task `a` that is due every minute."""

    def __init__(self, url: str, folder: Path) -> None:
        self.now = NINE
        settings = read_settings(redis_url=url, data_dir=folder, notify=())
        self.ours = Installation(settings, clock=lambda: self.now)
        self.beat = self.new_beat()
        self.register("a")

    def new_beat(self) -> MissionControlScheduler:
        app = create_app("beat", lambda: self.ours)
        beat = MissionControlScheduler(app, installation=self.ours, lazy=True)
        self.ours.client.delete(redis_keys.BEAT_LEADER)
        beat._lead.take()
        return beat

    def register(self, task_id: str, **fields: Any) -> None:
        schedule = {"type": "interval", "minutes": 1}
        # Nothing runs here, so every run would be in the way of the next.
        allow = {"handler": "handlers.hello.run", "overlap": "allow"}
        task = {"id": task_id, "schedule": schedule, **allow, **fields}
        assert self.ours.registry.register(task)

    def to(self, minutes: float) -> None:
        """Go to so many minutes after nine, with beat at each half minute."""
        while self.now < NINE + minutes * MINUTE:
            self.now += MINUTE / 2
            self.beat.fire_due(self.now)

    def leave(self, minutes: float) -> None:
        """Go there without a beat, and have a new one fire then."""
        self.now = NINE + minutes * MINUTE
        self.beat = self.new_beat()
        self.beat.fire_due(self.now)

    def pause(self, *selectors: tuple[PauseKind, str], **options: Any) -> Paused:
        parts = self.ours.registry, self.ours.pauses, RunControl.of(self.ours)
        pausing = Pausing(*parts, self.ours.backfills, self.ours.clock)
        return pausing.pause(selectors, **options)

    def resume(self, *selectors: tuple[PauseKind, str], **options: Any) -> Resumed:
        parts = self.ours.registry, self.ours.pauses, self.ours.ledger
        resuming = Resuming(*parts, lambda: Dispatch.of(self.ours), self.ours.clock)
        return resuming.resume(selectors, **options)

    @property
    def occurrences(self) -> Occurrences:
        """What changes single occurrences."""
        ours = self.ours
        return Occurrences(ours.registry, ours.occurrences, ours.ledger, ours.clock)

    def states(self, task_id: str = "a") -> str:
        """Return a task's runs, oldest first: D dispatched, S skipped, M missed, C cancelled, R running."""
        runs = self.ours.ledger.runs_of(task_id, limit=100)
        return "".join(str(run.state)[0].upper() for run in sorted(runs, key=lambda run: run.scheduled_time))
