"""What comes after runs that have ended in a simulation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime

from mission_control.model.composition.graph import joined_of
from mission_control.model.composition.joining import Release, matches
from mission_control.model.composition.release import (
    WAITS,
    Never,
    Released,
    UpstreamRun,
    decide_loosely,
    decide_missing,
    decide_release,
    upstream_ids,
)
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.definitions.task_parts import Dependency
from mission_control.model.policies.misfire import Action, Fire, Skip
from mission_control.model.runs.cause import Cause
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.identifiers import downstream_execution_id, task_of_run

Follower = tuple[TaskDefinition, str, str, Action]
"""A task, the id of its run, the root of that, and what it does."""


class DownstreamJoins:
    """The ends of runs that others come after."""

    def __init__(self, tasks: Mapping[str, TaskDefinition]) -> None:
        self._tasks = tasks
        self._dependents: defaultdict[str, list[TaskDefinition]] = defaultdict(list)
        for task in tasks.values():
            for one in task.after:
                self._dependents[one.task].append(task)
        self._ends: dict[str, UpstreamRun] = {}
        self._of_task: defaultdict[str, list[UpstreamRun]] = defaultdict(list)
        self._open: defaultdict[str, dict[str, UpstreamRun]] = defaultdict(dict)
        self._entered: set[str] = set()

    def has_followers(self, task_id: str) -> bool:
        """Return whether any task comes after one."""
        return task_id in self._dependents

    def ended(
        self, execution_id: str, root: str, state: RunState, cause: Cause | None, now: datetime
    ) -> Iterator[Follower]:
        """Yield what follows from the end of a run."""
        task_id = task_of_run(execution_id)
        origin = None if cause is None else cause.to_dict()
        run = UpstreamRun(execution_id, state, now, origin, root or execution_id)
        self._ends[execution_id] = run
        self._of_task[task_id].append(run)
        for task in self._dependents[task_id]:
            if task.enabled:
                for case in [run, *self._open[task.id].values()]:
                    yield from self._followers(task, case, now)

    def _followers(self, task: TaskDefinition, run: UpstreamRun, now: datetime) -> Iterator[Follower]:
        released = self._decided(task, run, now)
        name = downstream_execution_id(task.id, run.root)
        if released.verdict is Release.WAIT:
            if released.look_again is not None:
                self._open[task.id][run.execution_id] = run
            return
        self._open[task.id].pop(run.execution_id, None)
        if name in self._entered:
            return
        self._entered.add(name)
        at = released.at or now
        action: Action = Fire(at)
        if released.cause is not None:
            action = Skip(at, released.reason or "", released.cause)
        yield task, name, run.root, action

    def _decided(self, task: TaskDefinition, run: UpstreamRun, now: datetime) -> Released:
        joined = joined_of(task.after, task.join)
        if not joined:
            return decide_loosely(task.after, run)
        if run.task_id not in {one.task for one in joined}:
            return WAITS
        ids = upstream_ids(task.after, task.join, run.root)
        runs = [self._ends.get(one) for one in ids]
        released = decide_release(task.after, task.join, runs, self._latest, now)
        if released is not WAITS or None not in runs:
            return released
        nevers = [None if one else self._never(name) for name, one in zip(ids, runs, strict=True)]
        return decide_missing(joined, task.join, runs, nevers, now)

    def _never(self, execution_id: str) -> Never | None:
        task = self._tasks.get(task_of_run(execution_id))
        if task is None:
            return Never(execution_id, "removed")
        return None if task.enabled else Never(execution_id, "disabled")

    def _latest(self, dependency: Dependency, at: datetime) -> UpstreamRun | None:
        """Return the latest end that a dependency asks for, at most its `within` from `at`."""
        for run in reversed(self._of_task[dependency.task]):
            ended, finished = run.ended_as, run.finished_at
            if ended is None or finished is None or not matches(dependency.on, ended):
                continue
            if abs((finished - at).total_seconds()) <= (dependency.within or 0.0):
                return run
        return None
