"""Finds out which run or occurrence is asked about, and explains it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, Final, Literal

from mission_control.audit.stream.reader import tail
from mission_control.dispatch.run_control import existing_run
from mission_control.errors import UnknownOccurrenceError, UnknownRunError
from mission_control.ledger.ledger import Ledger
from mission_control.model.definitions.due_times import spread_of
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.runs.changed_occurrence import has_occurrence
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.identifiers import occurrence_execution_id, task_of_run
from mission_control.model.values.instants import format_instant
from mission_control.operate.occurrences_to_come import OccurrencesToCome, wrong
from mission_control.operate.tasks import existing_task
from mission_control.operate.why.explain import explain
from mission_control.operate.why.explanation import Explanation, Finding, Verdict
from mission_control.operate.why.gathering import Gathering
from mission_control.registry.occurrence_store import OccurrenceStore

Which = Literal["now", "last_missed", "next"]

_FARTHEST: Final = timedelta(days=3_660)
_LOOKED_AT: Final = 100
_RUNS_LOOKED_AT: Final = 1_000
_TICK: Final = timedelta.resolution
_RECORDED: Final = {
    RunState.SUCCESS: Verdict.RAN,
    RunState.FAILURE: Verdict.FAILED,
    RunState.TIMED_OUT: Verdict.FAILED,
    RunState.LOST: Verdict.LOST,
    RunState.EXPIRED: Verdict.LOST,
    RunState.MISSED: Verdict.LOST,
    RunState.SKIPPED: Verdict.SKIPPED,
    RunState.CANCELLED: Verdict.SKIPPED,
}
_DID_NOT_RUN: Final = {
    one for one, verdict in _RECORDED.items() if verdict in (Verdict.LOST, Verdict.SKIPPED)
}


@dataclass(frozen=True)
class Asking:
    """Answers why; `audit_path` is the audit stream of runs, which remembers more than the ledger."""

    gathering: Gathering
    ledger: Ledger
    occurrences: OccurrenceStore
    audit_path: Path

    def why(self, name: str, at: datetime | None = None, which: Which = "now") -> Explanation:
        """Explain a run, by its id; or a task, or one of its occurrences.

        A task is explained by its run that is active now, or else by its last occurrence; its next one is
        explained as well. One that was removed, and its runs that are no longer kept, by its removal.

        Raises:
            UnknownTaskError: no task has that id; names the nearest one.
            UnknownRunError: neither ledger nor audit stream has such a run.
            UnknownOccurrenceError: none was missed.
            InvalidTaskError: the moment is too far ahead.
        """
        if name not in self.gathering.registry.ids():
            removed = self._removed(task_of_run(name) if "@" in name else name)
            if removed is not None and "@" not in name:
                return removed
            try:
                found = self._run(name)
            except UnknownRunError:
                if removed is None:
                    raise
                return removed
            if found is not None:
                return found
        task = existing_task(self.gathering.registry, name)
        if at is not None:
            return self._at(task, at)
        if which != "now":
            return self._next(task) if which == "next" else self._last_missed(task)
        latest, following = self._latest(task), self._next(task)
        return following if latest is None else replace(latest, following=following)

    def _run(self, name: str) -> Explanation | None:
        """Explain the run of that id; None if it is not the id of a run."""
        try:
            return explain(self.gathering.of_run(existing_run(self.ledger, name)))
        except UnknownRunError:
            moment, task = _moment_in(name), self.gathering.registry.definition(task_of_run(name))
            if moment is not None and task is not None:
                return self._at(task, moment)
            if (recorded := self._recorded(name)) is None and "@" in name:
                raise
            return recorded

    def _removed(self, task_id: str) -> Explanation | None:
        """Explain a task that is gone, by the record of its removal; None if it was not removed."""
        (last,) = tail(self.gathering.changes_log, 1, task_id=task_id) or [{}]
        if last.get("change") != "unregistered" or task_id in self.gathering.registry.ids():
            return None
        why = f": {last['reason']}" if last.get("reason") else ""
        words = f"the task was removed by {last['actor']} at {last['timestamp']}{why}"
        found = Finding("removed", words, Verdict.NOT_DUE, f"mission-control audit tail --task {task_id}")
        return Explanation(task_id, None, None, Verdict.NOT_DUE, (found,))

    def _at(self, task: TaskDefinition, moment: datetime) -> Explanation:
        """Explain the occurrence of a time: its own, the one it was moved to, or that of its spread."""
        last = self.gathering.clock() + _FARTHEST
        if moment > last:
            far = f"{format_instant(moment)} is too far ahead"
            raise wrong("--at", f"{far}; ask about a time before {format_instant(last)}")
        changed = self.occurrences.look(task.id)[0].changed_of(task.id, also_over=True)
        own = next((one.at for one in changed if moment in {one.at, one.to}), None)
        if own is None and not has_occurrence(task.schedule, moment):
            own = spread if has_occurrence(task.schedule, spread := moment - spread_of(task)) else None
        scheduled = moment if own is None else own
        execution_id = occurrence_execution_id(task.id, scheduled)
        runs = (
            filter(None, [self.ledger.get(execution_id)]),
            self.ledger.runs_of(task.id, limit=_RUNS_LOOKED_AT),
        )
        for run in chain.from_iterable(runs):
            if run.execution_id == execution_id or moment in {run.scheduled_time, run.moved_to}:
                return explain(self.gathering.of_run(run))
        recorded = self._recorded(execution_id, scheduled)
        return explain(self.gathering.of_occurrence(task, scheduled)) if recorded is None else recorded

    def _next(self, task: TaskDefinition) -> Explanation:
        if not task.schedule.has_occurrences:
            return explain(self.gathering.of_occurrence(task, None))
        view = OccurrencesToCome(task, *self.occurrences.look(task.id), self.gathering.clock())
        one = next(view.to_come(), None)
        return explain(self.gathering.of_occurrence(task, view.now if one is None else one.scheduled_time))

    def _latest(self, task: TaskDefinition) -> Explanation | None:
        """Explain the run that is active, or else the last occurrence; None if there was none yet."""
        now = self.gathering.clock()
        active = sorted(self.ledger.active_of(task.id), key=lambda run: (run.due_at > now, run.due_at))
        runs, expected = active or self.ledger.runs_of(task.id, limit=1), self._before(task, now)
        if expected is not None and not active and (not runs or runs[0].scheduled_time < expected):
            return self._at(task, expected)
        return explain(self.gathering.of_run(runs[0])) if runs else None

    def _last_missed(self, task: TaskDefinition) -> Explanation:
        """Explain the last occurrence, or run, that did not run."""
        runs = self.ledger.runs_of(task.id, limit=_RUNS_LOOKED_AT)
        found = next((run for run in runs if run.state in _DID_NOT_RUN), None)
        known, moment = {run.scheduled_time for run in runs}, self._before(task, self.gathering.clock())
        for _ in range(_LOOKED_AT):
            if moment is None or (found is not None and moment <= found.scheduled_time):
                break
            if moment not in known:
                return self._at(task, moment)
            moment = self._before(task, moment + spread_of(task) - _TICK)
        if found is None:
            kept = "as far as runs are kept; see `mission-control task history`"
            raise UnknownOccurrenceError(f"no occurrence of {task.id!r} was missed, {kept}")
        return explain(self.gathering.of_run(found))

    def _before(self, task: TaskDefinition, moment: datetime) -> datetime | None:
        """Return the last occurrence that was due by a moment, since the task was created."""
        if task.schedule.is_fixed_delay or not task.schedule.has_occurrences:
            return None
        found, created = (
            task.schedule.previous_before(moment - spread_of(task) + _TICK),
            task.metadata.created,
        )
        return None if found is None or (created is not None and found <= created) else found

    def _recorded(self, execution_id: str, scheduled: datetime | None = None) -> Explanation | None:
        """Explain a run that only the audit stream still has, by its final record."""
        records = tail(self.audit_path, _LOOKED_AT, execution_id=execution_id)
        final: dict[str, Any] = next((one for one in reversed(records) if one.get("final") is True), {})
        if (status := final.get("status")) not in _RECORDED:
            return None
        verdict, cause = _RECORDED[status], final.get("cause")
        code = cause.get("class", status) if isinstance(cause, dict) else status
        words = final.get("reason") or final.get("error") or f"it ended {status} at {final['timestamp']}"
        found = Finding(code, f"{words} (audit stream)", verdict)
        return Explanation(str(final["task_id"]), execution_id, scheduled, verdict, (found,))


def _moment_in(execution_id: str) -> datetime | None:
    """Return the time of the occurrence that an id names.

    >>> _moment_in("tea@20260301T090000Z").isoformat()
    '2026-03-01T09:00:00+00:00'
    """
    try:
        found = datetime.fromisoformat(execution_id.rpartition("@")[2])
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
