"""Tasks of many kinds for workers under chaos, and the occurrences that they should have."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from textwrap import dedent
from threading import Event
from typing import TYPE_CHECKING, Any

import psutil

from mission_control.configuration.clock import utc_now
from mission_control.model.values.identifiers import downstream_execution_id, occurrence_execution_id
from mission_control.model.values.instants import format_instant
from tests.chaos.chaos_kinds import (
    BUDGET,
    CAP,
    CONCURRENCY,
    HANDLER,
    KINDS,
    LIMIT,
    PIPELINE,
    SHARE,
    SOURCE,
    SPENDING,
    Note,
    Work,
)
from tests.stage.waiting import PAUSE_SECONDS

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from pathlib import Path

    from mission_control.installation.installation import Installation

LONGEST_HUNT_SECONDS = 5.0
_LATEST_WRITE = timedelta(seconds=1)
_NEVER = {"type": "once", "at": "2199-01-01T00:00:00Z"}


class Workload:
    """Tasks of all kinds, registered a few at a time, and the occurrences that they should have."""

    def __init__(self, installation: Installation, folder: Path, draw: random.Random) -> None:
        self.expected: dict[str, Work] = {}
        self._installation = installation
        self._folder = folder
        self._draw = draw
        self._tasks = 0
        self._sharing = 0
        (folder / "locks").mkdir()
        (folder / "notes").touch()
        (folder / "handlers" / "chaos.py").write_text(dedent(SOURCE), "utf-8")
        installation.limits.set({"name": LIMIT, "concurrency": CONCURRENCY})

    def add(self, occurrences: int, *, within: timedelta) -> None:
        """Register tasks that have so many occurrences, the first of them within that time from now."""
        several = occurrences // 3
        if several:
            self._add_task(_interval(self._moment(within), several), several)
        single = occurrences - several
        pipelines = single // (PIPELINE + 1)
        for _ in range(pipelines):
            self._add_pipeline(within)
        for _ in range(single - pipelines * PIPELINE):
            self._add_task({"type": "once", "at": format_instant(self._moment(within))})

    def notes(self) -> list[Note]:
        """Return what the handlers wrote down, in that order."""
        lines = (self._folder / "notes").read_text("utf-8").splitlines()
        return [Note(*json.loads(line)) for line in lines]

    def caught(self, processes: Callable[[], Iterable[psutil.Process]]) -> psutil.Process | None:
        """Stop one of some processes amid its handler, and return it; None if none runs one soon."""
        until = time.monotonic() + LONGEST_HUNT_SECONDS
        while time.monotonic() < until:
            for process in processes():
                with suppress(psutil.NoSuchProcess):
                    process.suspend()
                    if process.pid in self._busy():
                        return process
                    process.resume()
            Event().wait(PAUSE_SECONDS)
        return None

    def _busy(self) -> set[int]:
        """Return the processes that have begun an attempt and not ended it, as far as they have noted."""
        last = {note.pid: note.what for note in self.notes()}
        return {pid for pid, what in last.items() if what not in {"failure", "success"}}

    def _add_pipeline(self, within: timedelta) -> None:
        """Register a root and what comes after it; the root is due once all of it is registered."""
        kind, ran = self._draw.choice(KINDS), Work(longest_seconds=0.2, is_limited=True)
        root = self._register(kind, schedule=_NEVER)
        near = self._register(ran, {"task": root})
        joined = self._register(ran, {"task": near}, {"task": root, "on": "finished"})
        alarm = self._register(Work(), {"task": root, "on": "failure"})
        at = self._moment(within) + _LATEST_WRITE
        assert self._installation.registry.update(
            root, {"schedule": {"type": "once", "at": format_instant(at)}}
        )
        began_with = occurrence_execution_id(root, at)
        skipped = Work(skipped_for=began_with)
        self.expected[began_with] = kind
        for task_id, work, is_run in (
            (near, ran, not kind.is_hopeless),
            (joined, ran, not kind.is_hopeless),
            (alarm, Work(), kind.is_hopeless),
        ):
            self.expected[downstream_execution_id(task_id, began_with)] = work if is_run else skipped

    def _add_task(self, schedule: dict[str, Any], occurrences: int = 1) -> None:
        kind = self._draw.choice((*KINDS, *SPENDING))
        if kind.spends:
            kind = replace(kind, budget=self._budget(occurrences))
        task_id = self._register(kind, schedule=schedule)
        task = self._installation.registry.definition(task_id)
        assert task is not None
        beginning, end = utc_now() - timedelta(days=1), utc_now() + timedelta(days=1)
        for moment in task.schedule.occurrences(beginning, end):
            self.expected[occurrence_execution_id(task.id, moment)] = kind

    def _budget(self, occurrences: int) -> str:
        """Return the budget that so many further occurrences share with others."""
        name = f"{BUDGET}-{self._sharing // SHARE}"
        self._sharing += occurrences
        self._installation.budgets.set({"name": name, "tokens": f"{CAP}/d"})
        return name

    def _register(self, kind: Work, *after: dict[str, str], schedule: dict[str, Any] | None = None) -> str:
        self._tasks += 1
        task_id = f"chaos-{self._tasks}"
        task = {
            "id": task_id,
            "handler": HANDLER,
            "overlap": "allow",
            "schedule": schedule,
            "after": list(after),
            "limits": [LIMIT] if kind.is_limited else [],
            "budgets": [] if kind.budget is None else [{"name": kind.budget, **self._expectation(kind)}],
            "params": {
                "folder": str(self._folder),
                "seconds": self._draw.uniform(0.0, kind.longest_seconds),
                "failures": kind.failures,
                "has_effect": kind.has_effect,
                "spends": kind.spends,
            },
            "retry_policy": {
                "max_retries": kind.max_retries,
                "retry_delay_seconds": 0.2,
                "max_delay_seconds": 1,
                "backoff": "exponential",
                "jitter": True,
            },
            "misfire": {"policy": "all"},
        }
        assert self._installation.registry.register(task, catch_up=True)
        return task_id

    def _expectation(self, kind: Work) -> dict[str, int]:
        """Return what a run is expected to spend, as far as its task says so: else its runs are measured."""
        return {"tokens": kind.spends * (kind.failures + 1)} if self._draw.random() < 0.7 else {}

    def _moment(self, within: timedelta) -> datetime:
        return utc_now() + self._draw.random() * within


def _interval(start: datetime, occurrences: int) -> dict[str, Any]:
    """Return a schedule of so many occurrences, the first at `start`."""
    period = timedelta(seconds=0.2)
    first, last = format_instant(start), format_instant(start + (occurrences - 1) * period)
    return {
        "type": "interval",
        "seconds": period.total_seconds(),
        "anchor": first,
        "start": first,
        "end": last,
    }
