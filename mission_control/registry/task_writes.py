"""Writing new and edited tasks, many in one round trip, with the record of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from redis.exceptions import ResponseError

from mission_control.events import events
from mission_control.model.definitions.due_times import Timed, due_after, has_beginning, spread_of
from mission_control.model.policies.due_decision import due_with
from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.registry.change_log import ChangeLog
from mission_control.registry.changes import changes_timing, new_metadata, next_metadata
from mission_control.registry.checked_task import CheckedTask
from mission_control.registry.pauses import NO_PAUSES, PausesSeen
from mission_control.registry.stored_task import StoredTask
from mission_control.registry.task_store import TaskStore, TaskWrite
from mission_control.registry.waiting_runs import WaitingRuns

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


Edit = tuple[CheckedTask, StoredTask | None]
"""A checked task, and what was seen in its place; None if its id was free."""


class PreparedWrite(NamedTuple):
    """A task to be written, and the record of the change."""

    write: TaskWrite
    record: Mapping[str, Any]


@dataclass(frozen=True)
class TaskWrites:
    """Writes checked tasks: their metadata and next due instant, then their record."""

    store: TaskStore
    changes: ChangeLog
    runs: WaitingRuns
    clock: Callable[[], datetime]

    def prepared(
        self, edits: Sequence[Edit], change: str, reason: str | None, *, catch_up: bool = False
    ) -> list[PreparedWrite]:
        """Prepare tasks: new ones, which are `registered`, and those that are put in the place of others."""
        now, found = self.clock(), list[PreparedWrite]()
        pauses = self.store.pauses() if any(seen is not None for _, seen in edits) else NO_PAUSES
        for task, seen in edits:
            if seen is None:
                form = {**task.form, "metadata": new_metadata(task.form["metadata"], self.changes.actor, now)}
                due = due_of_new(task, now, catch_up=catch_up)
                new = TaskWrite(form, task.schedule, None, due)
                found.append(self._recorded(new, "registered", reason, now))
            else:
                edited = self._edit(task, seen, pauses, now, catch_up=catch_up)
                found.append(self._recorded(edited, change, reason, now))
        return found

    def begin(self, ready: Sequence[PreparedWrite]) -> Callable[[], list[bool]]:
        """Send tasks to Redis, and return what waits for the answer, and does what follows from it.

        That is False for one whose id is taken, or that has changed since it was seen.
        """
        if not ready:
            return list
        answer = self.store.begin_to_put([one.write for one in ready], now=self.clock())

        def written() -> list[bool]:
            answers = answer()
            for (write, record), one in zip(ready, answers, strict=True):
                if one is True:
                    self._follow_up(write, record)
            for refusal in (one for one in answers if isinstance(one, ResponseError)):
                raise refusal
            return [one is True for one in answers]

        return written

    def _edit(
        self, task: CheckedTask, seen: StoredTask, pauses: PausesSeen, now: datetime, *, catch_up: bool
    ) -> TaskWrite:
        before, form = seen.definition, {**task.form, "metadata": next_metadata(seen.definition, now)}
        is_overdue = seen.due is not None and seen.due <= now.timestamp()
        keeps_due = not changes_timing(before, form) or (catch_up and is_overdue)
        due, over = due_of_edit(task, pauses.changed_of(task.id), now, keeps_due=keeps_due)
        write = TaskWrite(form, task.schedule, seen, due, keeps_due, pauses, over)
        return write if keeps_due else write._replace(overtaken_until=now.timestamp())

    def _recorded(self, write: TaskWrite, change: str, reason: str | None, now: datetime) -> PreparedWrite:
        before = {} if write.seen is None else write.seen.definition
        record = self.changes.prepared(write.task_id, change, before, write.form, reason=reason, at=now)
        return PreparedWrite(write._replace(record=self.changes.pending(record)), record)

    def _follow_up(self, write: TaskWrite, record: Mapping[str, Any]) -> None:
        self.changes.write(record)
        task_id, seen = write.task_id, write.seen
        for one in write.pauses.changed_of(task_id):
            if one not in write.forget and one.is_void(write.schedule):
                events.occurrence_change_void(task_id, one.execution_id, one.words())
        was_enabled = seen is not None and seen.definition["enabled"]
        if not write.form["enabled"] and (was_enabled or record["change"] == "disabled"):
            self.runs.of_disabled(task_id)


def due_of_new(task: Timed, now: datetime, *, catch_up: bool) -> float | None:
    """Return when a task that is new at `now` is first due, in Unix seconds."""
    return due_after(task, _BEGINNING if catch_up and has_beginning(task) else now)


def due_of_edit(
    task: Timed, changed: Sequence[ChangedOccurrence], now: datetime, *, keeps_due: bool
) -> tuple[float | None, list[ChangedOccurrence]]:
    """Return when an edited task is due next, in Unix seconds, and which changed occurrences are over."""
    spread = spread_of(task)
    over = [one for one in changed if not keeps_due and one.due + spread <= now]
    due = due_with(due_after(task, now), [one for one in changed if one not in over], spread)
    return due if task.enabled else None, over
