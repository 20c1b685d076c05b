"""Writing tasks only where they still are as a plan has seen them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mission_control.model.definitions.task import TaskDefinition
from mission_control.registry.changes import changes_timing
from mission_control.registry.stored_task import StoredTask, stored_form
from mission_control.registry.task_files import TaskFiles
from mission_control.registry.task_store import TaskStore
from mission_control.registry.task_writes import TaskWrites, due_of_edit, due_of_new

Edit = tuple[TaskDefinition, StoredTask | None]
"""A checked task, and what was seen in its place; None if its id was free."""


@dataclass(frozen=True)
class PlannedWrites:
    """Reads tasks for a plan, and writes what was planned."""

    store: TaskStore
    writes: TaskWrites
    files: TaskFiles
    clock: Callable[[], datetime]

    def stored(self, task_ids: Iterable[str]) -> list[StoredTask | None]:
        """Return tasks as they are stored, in the order of their ids; None for one that is unknown."""
        return self.store.load(task_ids)

    def next_due(self, edits: Iterable[Edit], *, catch_up: bool = False) -> list[float | None]:
        """Return when tasks would be due next, in Unix seconds, if they were written now."""
        now, pauses, found = self.clock(), self.store.pauses(), list[float | None]()
        for task, seen in edits:
            if seen is None:
                found.append(due_of_new(task, now, catch_up=catch_up))
            elif seen.problem is None and not changes_timing(seen.definition, stored_form(task)):
                found.append(seen.due)
            else:
                due, _ = due_of_edit(task, pauses.changed_of(task.id), now, keeps_due=False)
                found.append(due)
        return found

    def write(
        self, edits: Sequence[Edit], reason: str | None, *, catch_up: bool = False
    ) -> list[TaskDefinition]:
        """Write checked tasks in one round trip, each if it still is what was seen, or if its id is free.

        Return those that were not written: another writer was there first.
        """
        new = [task for task, seen in edits if seen is None]
        others = [(task, seen) for task, seen in edits if seen is not None]
        done = [
            *zip(new, self.writes.add(new, reason, catch_up=catch_up), strict=True),
            *zip((task for task, _ in others), self.writes.replace(others, "updated", reason), strict=True),
        ]
        return [task for task, is_done in done if not is_done]
