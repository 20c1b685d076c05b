"""What the policies should make of the runs of a graph of tasks: a plain reading of the rules.

It is written apart from the product, and knows nothing of beat, of scripts or of the order of things.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mission_control.model.runs.run_state import FINAL_STATES, RAN_AND_FAILED, RunState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mission_control.model.runs.run_record import RunRecord

MET = {
    "success": {RunState.SUCCESS},
    "failure": RAN_AND_FAILED,
    "finished": {RunState.SUCCESS, *RAN_AND_FAILED},
    "any": FINAL_STATES,
}
HOUR = timedelta(hours=1)
ON_TIME = timedelta(seconds=30)


@dataclass(frozen=True)
class Task:
    """A task of the graph: the ids that it comes after, each with `on`, or none if it is due every hour."""

    task_id: str
    after: tuple[tuple[str, str], ...] = ()
    join: str = "all"
    overlap: str = "skip"
    misfire: str = "latest"
    tag: str = "x"


@dataclass
class Pause:
    """A pause by a task's id or tag, as the test has set it."""

    layer: str
    since: datetime
    until: datetime | None = None

    def selects(self, task: Task) -> bool:
        return self.layer in {"all", f"task:{task.task_id}", f"tag:{task.tag}"}

    def explains(self, due: datetime) -> bool:
        """Whether it keeps back what is due: while it is in force, all that has not begun."""
        return self.until is None or self.since <= due < self.until


@dataclass
class Plan:
    """The tasks, and what was done to them by hand."""

    tasks: dict[str, Task] = field(default_factory=dict)
    pauses: list[Pause] = field(default_factory=list)
    skipped: set[str] = field(default_factory=set)
    moved: dict[str, datetime] = field(default_factory=dict)

    def due_ids(self, since: datetime, until: datetime) -> Iterator[tuple[Task, str, datetime]]:
        """Give the occurrences of all tasks with a schedule, and when they are due, as they were moved."""
        for task in self.tasks.values():
            at = since + HOUR
            while not task.after and at <= until + 48 * HOUR:
                execution_id = f"{task.task_id}@{at:%Y%m%dT%H%M%SZ}"
                due = self.moved.get(execution_id, at)
                if due <= until:
                    yield task, execution_id, due
                at += HOUR


def verdict(task: Task, root: str, runs: Mapping[str, RunRecord]) -> str:
    """Return what becomes of the run of a task that comes after others: `start`, `skip`, or `wait`."""
    found = {met(runs.get(run_id(one, root)), on) for one, on in task.after}
    if task.join == "any":
        return "start" if True in found else "wait" if None in found else "skip"
    return "skip" if False in found else "wait" if None in found else "start"


def met(run: RunRecord | None, on: str) -> bool | None:
    return None if run is None or not run.state.is_final else run.state in MET[on]


def run_id(task_id: str, root: str) -> str:
    """Return the id of the run of a task with a root."""
    own, _, time = root.rpartition("@")
    return root if own == task_id else f"{task_id}@after-{time}"


def to_blame(tasks: Mapping[str, Task], task_id: str, root: str, runs: Mapping[str, RunRecord]) -> set[str]:
    """Return the runs that may be at the root of why that of a task could not start."""
    found: set[str] = set()
    for one, on in tasks[task_id].after:
        execution_id = run_id(one, root)
        run = runs.get(execution_id)
        if run is not None and met(run, on) is False:
            is_passed_on = run.state is RunState.SKIPPED and (run.cause or {})["class"] == "upstream"
            found |= to_blame(tasks, one, root, runs) if is_passed_on else {execution_id}
    return found


def outcome_of(run: RunRecord) -> str:
    """Return how the run at the root ended, or what kept it from running."""
    return str(run.state) if run.cause is None else run.cause["class"]
