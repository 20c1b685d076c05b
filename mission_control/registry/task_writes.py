"""Writing new and edited tasks, many in one round trip, with the record of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, Final

from mission_control.events import events
from mission_control.model.definitions.due_times import due_after, has_beginning, spread_of
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.occurrence_changes import due_with
from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.registry.change_log import ChangeLog
from mission_control.registry.changes import changes_timing, new_metadata, next_metadata
from mission_control.registry.pauses import PausesSeen
from mission_control.registry.stored_task import StoredTask, stored_form
from mission_control.registry.task_store import TaskStore, TaskWrite
from mission_control.registry.waiting_runs import WaitingRuns

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TaskWrites:
    """Writes checked tasks: their metadata and next due instant, then their record."""

    store: TaskStore
    changes: ChangeLog
    runs: WaitingRuns
    clock: Callable[[], datetime]

    def add(self, tasks: Sequence[TaskDefinition], reason: str | None, *, catch_up: bool) -> list[bool]:
        """Add new tasks; False for one whose id is taken."""
        now = self.clock()
        metadata = cache(partial(new_metadata, actor=self.changes.actor, now=now))
        named = [task.with_metadata(metadata(task.metadata)) for task in tasks]
        writes = [TaskWrite(task, None, due_of_new(task, now, catch_up=catch_up)) for task in named]
        return self._put(writes, "registered", reason, now)

    def replace(
        self,
        edits: Sequence[tuple[TaskDefinition, StoredTask]],
        change: str,
        reason: str | None,
        *,
        catch_up: bool = False,
    ) -> list[bool]:
        """Put edited tasks in the place of what was seen; False for one that has changed since."""
        if not edits:
            return []
        now, pauses = self.clock(), self.store.pauses()
        writes = [self._edit(task, seen, pauses, now, catch_up=catch_up) for task, seen in edits]
        return self._put(writes, change, reason, now)

    def _edit(
        self, task: TaskDefinition, seen: StoredTask, pauses: PausesSeen, now: datetime, *, catch_up: bool
    ) -> TaskWrite:
        before = seen.definition
        task = task.with_metadata(next_metadata(before, now=now))
        is_overdue = seen.due is not None and seen.due <= now.timestamp()
        keeps_due = not changes_timing(before, stored_form(task)) or (catch_up and is_overdue)
        due, over = due_of_edit(task, pauses.changed_of(task.id), now, keeps_due=keeps_due)
        return TaskWrite(task, seen, due, keeps_due, pauses, over)

    def _put(self, writes: Sequence[TaskWrite], change: str, reason: str | None, now: datetime) -> list[bool]:
        """Write tasks, each with its record, and do what follows for those that were written."""
        records, ready = {}, []
        for write in writes:
            form, before = stored_form(write.task), {} if write.seen is None else write.seen.definition
            record = self.changes.prepared(write.task.id, change, before, form, reason=reason, at=now)
            records[write.task.id] = record
            ready.append(write._replace(form=form, record=self.changes.pending(record)))
        return self.store.put_all(
            ready, now=now, follow_up=lambda write: self._follow_up(write, records[write.task.id], change)
        )

    def _follow_up(self, write: TaskWrite, record: Mapping[str, Any], change: str) -> None:
        self.changes.write(record)
        task, seen = write.task, write.seen
        for one in write.pauses.changed_of(task.id):
            if one not in write.forget and one.is_void(task.schedule):
                events.occurrence_change_void(task.id, one.execution_id, one.words())
        was_enabled = seen is not None and seen.definition["enabled"]
        if not task.enabled and (was_enabled or change == "disabled"):
            self.runs.of_disabled(task.id)


def due_of_new(task: TaskDefinition, now: datetime, *, catch_up: bool) -> float | None:
    """Return when a task that is new at `now` is first due, in Unix seconds."""
    return due_after(task, _BEGINNING if catch_up and has_beginning(task) else now)


def due_of_edit(
    task: TaskDefinition, changed: Sequence[ChangedOccurrence], now: datetime, *, keeps_due: bool
) -> tuple[float | None, list[ChangedOccurrence]]:
    """Return when an edited task is due next, in Unix seconds, and which changed occurrences are over."""
    spread = spread_of(task)
    over = [one for one in changed if not keeps_due and one.due + spread <= now]
    due = due_with(due_after(task, now), [one for one in changed if one not in over], spread)
    return due if task.enabled else None, over
