"""Skipping and moving single occurrences of a task."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any, Final

from mission_control.errors import StoreUnavailableError, UnknownOccurrenceError
from mission_control.ledger.run_reader import RunReader
from mission_control.model.definitions.due_times import spread_of
from mission_control.model.runs.changed_occurrence import ChangedOccurrence, has_occurrence
from mission_control.model.values.identifiers import occurrence_execution_id
from mission_control.model.values.instants import format_instant
from mission_control.operate.next_times import DueTime
from mission_control.operate.occurrences_to_come import (
    OccurrencesToCome,
    change_at,
    nearest,
    problem_of_target,
    wrong,
)
from mission_control.operate.tasks import existing_task
from mission_control.registry.occurrence_store import OccurrenceStore
from mission_control.registry.registry import Registry

_ATTEMPTS_AGAINST_OTHER_WRITERS: Final = 20
_LOOKED_AT: Final = 1_000


@dataclass(frozen=True)
class Occurrences:
    """Skips and moves single occurrences.

    Guarantees: from the answer on beat obeys, also for an occurrence that it has prepared. A skipped one
    leaves a `skipped` record; a moved one runs once, at its new time, with the id of its own time. Both are
    kept through edits of the task, as long as its schedule still has the occurrence. All methods take a naive
    time as local time in the schedule's zone, and None as `at` for the next occurrence that can be changed.
    They return the occurrence as it is now; `dry_run` changes nothing.

    Raises:
        UnknownTaskError: no task has that id.
        UnknownOccurrenceError: the task has no such occurrence, or it was fired; names the nearest ones.
        InvalidTaskError: the occurrence cannot be moved there, or back; names the nearest time.
    """

    registry: Registry
    store: OccurrenceStore
    ledger: RunReader
    clock: Callable[[], datetime]

    def skip(
        self, task_id: str, at: datetime | None = None, *, reason: str | None = None, dry_run: bool = False
    ) -> ChangedOccurrence:
        """Skip an occurrence, also one that was moved."""

        def skipped(view: OccurrencesToCome) -> ChangedOccurrence:
            return replace(self._found(view, at, reason), is_skipped=True)

        return self._change(task_id, "occurrence_skipped", skipped, dry_run=dry_run)

    def move(
        self,
        task_id: str,
        at: datetime | None,
        to: datetime,
        *,
        reason: str | None = None,
        dry_run: bool = False,
    ) -> ChangedOccurrence:
        """Move an occurrence to another time, also one that was skipped or moved before."""

        def moved(view: OccurrencesToCome) -> ChangedOccurrence:
            found, there = self._found(view, at, reason), view.instant(to, "--to")
            problem = problem_of_target(view, found.at, there)
            if problem is not None:
                raise wrong("--to", f"{format_instant(there)} {problem}")
            return replace(found, to=there, is_skipped=False)

        return self._change(task_id, "occurrence_moved", moved, dry_run=dry_run)

    def unskip(
        self, task_id: str, at: datetime | None = None, *, reason: str | None = None, dry_run: bool = False
    ) -> ChangedOccurrence:
        """Let an occurrence run after all: a skipped one when it is due, a moved one at its own time."""

        def restored(view: OccurrencesToCome) -> ChangedOccurrence:
            change = change_at(view, at)
            if change.is_skipped and change.to is not None:
                return replace(change, is_skipped=False, **self._by(reason))
            if not view.is_open(change.at):
                own = f"{change.execution_id} cannot run at its own time, which has passed"
                raise wrong("--at", f"{own}; move it to a time to come, or skip it")
            return replace(change, to=None, is_skipped=False, **self._by(reason))

        return self._change(task_id, "occurrence_unskipped", restored, dry_run=dry_run)

    def _change(
        self,
        task_id: str,
        what: str,
        changed: Callable[[OccurrencesToCome], ChangedOccurrence],
        *,
        dry_run: bool,
    ) -> ChangedOccurrence:
        for _ in range(_ATTEMPTS_AGAINST_OTHER_WRITERS):
            task = existing_task(self.registry, task_id)
            pauses, due = self.store.look(task.id)
            change = changed(OccurrencesToCome(task, pauses, due, self.clock()))
            is_gone = change.to is None and not change.is_skipped
            spread = spread_of(task)
            if dry_run or self.store.write(change, what, seen=pauses, due=due, spread=spread, forget=is_gone):
                return change
        raise StoreUnavailableError(f"no occurrence of {task_id!r} was changed: it keeps changing; try again")

    def _found(self, view: OccurrencesToCome, at: datetime | None, reason: str | None) -> ChangedOccurrence:
        """Return the occurrence meant by `at`, as it was changed before, now by this caller."""
        one = self._next(view) if at is None else self._at(view, view.instant(at, "--at"))
        before = one.change
        if before is None:
            return ChangedOccurrence(view.task.id, one.scheduled_time, **self._by(reason))
        return replace(before, **self._by(reason))

    def _next(self, view: OccurrencesToCome) -> DueTime:
        found = next((one for one in islice(view.to_come(), _LOOKED_AT) if not one.is_skipped), None)
        if found is None:
            raise UnknownOccurrenceError(f"task {view.task.id!r} has no occurrence to come")
        return found

    def _at(self, view: OccurrencesToCome, moment: datetime) -> DueTime:
        for change in view.changed:
            if moment in {change.at, change.to}:
                return DueTime(change.at, change)
        schedule = view.task.schedule
        is_known = not schedule.is_fixed_delay and has_occurrence(schedule, moment)
        if is_known and view.is_open(moment):
            return DueTime(moment)
        if any(one.scheduled_time == moment for one in islice(view.to_come(), 1)):
            return DueTime(moment)
        here = f"occurrence of {view.task.id!r} at {format_instant(moment)}"
        fault = (
            f"the {here} was due already{self._outcome(view, moment)}" if is_known else f"there is no {here}"
        )
        raise UnknownOccurrenceError(f"{fault}; {nearest(view, moment)}")

    def _outcome(self, view: OccurrencesToCome, moment: datetime) -> str:
        run = self.ledger.get(occurrence_execution_id(view.task.id, moment))
        return "" if run is None else f", and its run is {run.state}"

    def _by(self, reason: str | None) -> dict[str, Any]:
        return {"since": self.clock(), "who": self.store.changes.actor, "reason": reason}
