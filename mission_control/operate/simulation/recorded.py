"""What is on record of a stretch of time: plain values, and what they say about a moment in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from mission_control.model.composition.joining import matches
from mission_control.model.composition.release import UpstreamRun
from mission_control.model.definitions.due_times import spread_of
from mission_control.model.definitions.named_budget import Budget, Cap
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.definitions.task_parts import Dependency
from mission_control.model.policies.budgets import span_end
from mission_control.model.policies.condition import NO_FACTS, ConditionFacts
from mission_control.model.policies.misfire import ON_TIME_WITHIN
from mission_control.model.runs.run_record import RunRecord, Trigger
from mission_control.model.runs.run_state import RAN_AND_FAILED, RunState

_UNFIRED = frozenset({RunState.SKIPPED, RunState.MISSED})


def is_unfired(run: RunRecord) -> bool:
    """Return whether beat decided against a run, so that it never was on a queue."""
    return run.state in _UNFIRED and run.attempt == 0 and run.finished_at == run.dispatched_at


@dataclass(frozen=True, slots=True)
class Order:
    """One of the orders in which steps that are close to each other may have come.

    What ends within `slack` after a decision came before it, within a negative one only after it. A decision
    that `is_last` came after others of its very instant.
    """

    slack: timedelta
    is_last: bool


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A stretch from `since` up to `until`.

    `runs` are all that were active since `known_from` or later, `definitions` are by task and revision,
    `changes` the records of changes up to its end, the oldest first.
    """

    since: datetime
    until: datetime
    known_from: datetime
    runs: Sequence[RunRecord]
    definitions: Mapping[tuple[str, int | None], TaskDefinition]
    changes: Sequence[Mapping[str, Any]]
    budgets: Mapping[str, Budget]

    @cached_property
    def by_id(self) -> dict[str, RunRecord]:
        """The runs by their ids."""
        return {run.execution_id: run for run in self.runs}

    @cached_property
    def of_task(self) -> dict[str, list[RunRecord]]:
        """The runs of each task, in the order in which they were decided about."""
        found: defaultdict[str, list[RunRecord]] = defaultdict(list)
        for run in sorted(self.runs, key=lambda one: (one.dispatched_at, one.scheduled_time)):
            found[run.task_id].append(run)
        return found

    @cached_property
    def released_at(self) -> dict[str, datetime]:
        """When the runs that have waited for another of their task no longer had to."""
        ends = ((run.released_run, run.finished_at) for run in self.runs)
        return {name: at for name, at in ends if name is not None and at is not None}

    def has_waited(self, run: RunRecord) -> bool:
        """Return whether a run had to wait for another of its task."""
        is_displaced = run.attempt == 0 and run.state is RunState.SKIPPED and not is_unfired(run)
        is_displaced = is_displaced and (run.cause or {}).get("class") == "overlap"
        return is_displaced or run.waits_for is not None or run.execution_id in self.released_at

    def blockers(self, run: RunRecord, order: Order) -> tuple[list[RunRecord], int]:
        """Return the active runs in the way of one as it was fired, and how many occurrences wait."""
        blockers, waiting, at = list[RunRecord](), 0, run.dispatched_at
        ended_by = at + order.slack
        for one in self.of_task[run.task_id]:
            is_before = one.dispatched_at < at or (order.is_last and one.dispatched_at == at)
            is_over = one.finished_at is not None and one.finished_at <= ended_by
            if one is run or not is_before or is_over or is_unfired(one) or self._is_in_no_way(one):
                continue
            released = self.released_at.get(one.execution_id)
            if self.has_waited(one) and (released is None or released > ended_by):
                waiting += one.trigger is Trigger.SCHEDULE
            elif one.due_at <= at:
                blockers.append(one)
        return blockers, waiting

    def _is_in_no_way(self, run: RunRecord) -> bool:
        """Return whether a run belongs to a backlog, which others of its task do not wait for."""
        if run.trigger is Trigger.BACKFILL or run.backfill is not None:
            return True
        task = self.definitions.get((run.task_id, run.revision))
        if task is None or task.misfire.policy != "all" or run.trigger is not Trigger.SCHEDULE:
            return False
        now = run.dispatched_at - spread_of(task)
        following = task.schedule.next_after(run.scheduled_time)
        return now - run.due_at > ON_TIME_WITHIN or (following is not None and following <= now)

    def upstream(self, execution_id: str, at: datetime) -> UpstreamRun | None:
        """Return a run that others come after, if it had ended at a moment."""
        run = self.by_id.get(execution_id)
        if run is None or run.finished_at is None or run.finished_at > at:
            return None
        return UpstreamRun(execution_id, run.state, run.finished_at, run.cause, run.root or execution_id)

    def latest(self, dependency: Dependency, around: datetime, at: datetime) -> UpstreamRun | None:
        """Return the latest end that a dependency asks for around a moment, as known at another."""
        ends = (self.upstream(run.execution_id, at) for run in self.of_task.get(dependency.task, ()))
        near = [
            one
            for one in ends
            if one is not None and one.ended_as is not None and matches(dependency.on, one.ended_as)
            if one.finished_at is not None
            if abs((one.finished_at - around).total_seconds()) <= (dependency.within or 0.0)
        ]
        return max(near, key=lambda one: one.finished_at or around, default=None)

    def count_spent(self, budget: str, cap: Cap, of: RunRecord, order: Order) -> list[tuple[int, int]]:
        """Return how many runs a budget had counted when a run was fired, by the spans of its window."""
        spans, at = defaultdict[int, int](int), of.dispatched_at
        for run in self.runs:
            is_before = run.dispatched_at < at or (order.is_last and run.dispatched_at == at)
            has_begun = run.attempt > 0 or run.finished_at is None or run.finished_at > at
            uses = run is not of and any(use[0] == budget for use in run.budgets or ())
            if uses and is_before and not is_unfired(run) and has_begun:
                spans[span_end(run.dispatched_at.timestamp(), cap.window)] += 1
        return sorted(one for one in spans.items() if one[0] + cap.window > at.timestamp())

    def facts(
        self, task: TaskDefinition, at: datetime, decided: Sequence[RunRecord]
    ) -> ConditionFacts | None:
        """Return what a built-in condition was decided by at a moment; None if that is not kept.

        `decided` are the runs that were decided about then: they have what the condition saw.
        """
        condition = task.condition
        if condition is None or condition.is_foreseeable:
            return NO_FACTS
        ended = [run for run in self.of_task.get(task.id, ()) if run.finished_at and run.finished_at <= at]
        ran = sorted(
            (run for run in ended if run.state is RunState.SUCCESS or run.state in RAN_AND_FAILED),
            key=lambda run: run.finished_at or at,
        )
        created = task.metadata.created
        is_whole = created is not None and created >= self.known_from
        if condition.previous_failed:
            if not ran:
                return NO_FACTS if is_whole else None
            return ConditionFacts(failures=int(ran[-1].state in RAN_AND_FAILED))
        known = next((run.condition_seen for run in ran[::-1] if run.state is RunState.SUCCESS), None)
        if known is None and not is_whole:
            return None
        state = next((run.condition_seen for run in decided if run.condition_seen is not None), None)
        missing = (decided[0].reason or "").removeprefix(f"condition {condition.name}: ") if decided else ""
        return ConditionFacts(state=state, known=known, missing=missing)
