"""Work of many kinds for workers under chaos, and what its handlers write down themselves.

Each begin and end of an attempt is one line of a file that neither ledger nor audit stream knows of. Whether
a run is under way twice is the kernel's word: a handler holds a lock that its process takes into death.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from textwrap import dedent
from threading import Event
from typing import TYPE_CHECKING, Any, Literal

import psutil

from mission_control.configuration.clock import utc_now
from mission_control.model.values.identifiers import downstream_execution_id, occurrence_execution_id
from mission_control.model.values.instants import format_instant
from tests.stage.waiting import PAUSE_SECONDS

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from pathlib import Path

    from mission_control.installation.installation import Installation

HANDLER = "handlers.chaos.work"
LONGEST_HUNT_SECONDS = 5.0
SOURCE = '''
    """A handler that writes down what becomes of it, outside of ledger and audit stream."""
    import fcntl, json, os, time
    from pathlib import Path


    def work(context):
        """Take some time, and fail as often as the params say."""
        params = context["params"]
        with (Path(params["folder"]) / "locks" / context["execution_id"]).open("a") as lock:
            note(context, "begin")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                note(context, "overlap")
            try:
                result = do(context, params)
            except BaseException:
                note(context, "failure")
                raise
            note(context, "success")
        return result


    def do(context, params):
        if params["has_effect"] and context["once"]("effect"):
            note(context, "effect")
        time.sleep(params["seconds"])
        if context["attempt"] <= params["failures"]:
            raise ConnectionError("not yet")
        return {"status": "success", "output": context["attempt"], "error": None}


    def note(context, what):
        line = json.dumps([context["execution_id"], context["attempt"], what, time.time(), os.getpid()])
        file = os.open(context["params"]["folder"] + "/notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, line.encode() + b"\\n")
        finally:
            os.close(file)
'''

What = Literal["begin", "overlap", "effect", "failure", "success"]


@dataclass(frozen=True)
class Work:
    """A kind of work: the longest it takes, how many of its attempts fail, how many may follow the first.

    `is_limited`: it takes a slot of the limit. `skipped_for`: it must not run, because that run ended so.
    """

    longest_seconds: float = 0.0
    failures: int = 0
    has_effect: bool = False
    max_retries: int = 10  # more than chaos will take
    is_limited: bool = False
    skipped_for: str | None = None

    @property
    def is_hopeless(self) -> bool:
        """Whether all its attempts fail."""
        return self.failures > self.max_retries


KINDS = (
    Work(),
    Work(longest_seconds=0.5),
    Work(longest_seconds=0.5),
    Work(longest_seconds=0.2, failures=1),
    Work(failures=2),
    Work(failures=3, max_retries=2),
    Work(longest_seconds=0.3, failures=1, has_effect=True),
    Work(longest_seconds=0.5, is_limited=True),
    Work(longest_seconds=0.2, failures=1, is_limited=True),
)
LIMIT, CONCURRENCY = "chaos", 2
PIPELINE = 4
"""How many occurrences a pipeline has: the root, what follows its success, a join of both, and its alarm."""
_LATEST_WRITE = timedelta(seconds=1)
_NEVER = {"type": "once", "at": "2199-01-01T00:00:00Z"}


@dataclass(frozen=True)
class Note:
    """What a handler wrote down, when (Unix seconds), and in which process."""

    execution_id: str
    attempt: int
    what: What
    at: float
    pid: int


class Workload:
    """Tasks of all kinds, registered a few at a time, and the occurrences that they should have."""

    def __init__(self, installation: Installation, folder: Path, draw: random.Random) -> None:
        self.expected: dict[str, Work] = {}
        self._installation = installation
        self._folder = folder
        self._draw = draw
        self._tasks = 0
        (folder / "locks").mkdir()
        (folder / "notes").touch()
        (folder / "handlers" / "chaos.py").write_text(dedent(SOURCE), "utf-8")
        installation.limits.set({"name": LIMIT, "concurrency": CONCURRENCY})

    def add(self, occurrences: int, *, within: timedelta) -> None:
        """Register tasks that have so many occurrences, the first of them within that time from now."""
        several = occurrences // 3
        if several:
            self._add_task(_interval(self._moment(within), several))
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

    def _add_task(self, schedule: dict[str, Any]) -> None:
        kind = self._draw.choice(KINDS)
        task_id = self._register(kind, schedule=schedule)
        task = self._installation.registry.definition(task_id)
        assert task is not None
        beginning, end = utc_now() - timedelta(days=1), utc_now() + timedelta(days=1)
        for moment in task.schedule.occurrences(beginning, end):
            self.expected[occurrence_execution_id(task.id, moment)] = kind

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
            "params": {
                "folder": str(self._folder),
                "seconds": self._draw.uniform(0.0, kind.longest_seconds),
                "failures": kind.failures,
                "has_effect": kind.has_effect,
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
