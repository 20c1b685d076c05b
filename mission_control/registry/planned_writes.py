"""Writing tasks only where they still are as a plan has seen them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from mission_control.registry.changes import changes_timing
from mission_control.registry.checked_task import CheckedTask
from mission_control.registry.stored_task import StoredTask
from mission_control.registry.task_files import TaskFiles
from mission_control.registry.task_store import TaskStore
from mission_control.registry.task_writes import Edit, TaskWrites, due_of_edit, due_of_new


@dataclass(frozen=True)
class PlannedWrites:
    """Reads tasks for a plan, and writes what was planned."""

    store: TaskStore
    writes: TaskWrites
    files: TaskFiles
    clock: Callable[[], datetime]

    def stored(self, task_ids: Iterable[str]) -> Iterator[StoredTask | None]:
        """Yield tasks as they are stored, in the order of their ids; None for one that is unknown."""
        return self.store.each(task_ids)

    def next_due(self, edits: Iterable[Edit], *, catch_up: bool = False) -> list[float | None]:
        """Return when tasks would be due next, in Unix seconds, if they were written now."""
        now, pauses, found = self.clock(), self.store.pauses(), list[float | None]()
        for task, seen in edits:
            if seen is None:
                found.append(due_of_new(task, now, catch_up=catch_up))
            elif seen.problem is None and not changes_timing(seen.definition, task.form):
                found.append(seen.due)
            else:
                due, _ = due_of_edit(task, pauses.changed_of(task.id), now, keeps_due=False)
                found.append(due)
        return found

    def write(self, edits: Sequence[Edit], reason: str | None) -> list[CheckedTask]:
        """Write checked tasks, as `begin` does, and wait for the answer."""
        return self.begin(edits, reason)()

    def begin(
        self,
        edits: Sequence[Edit],
        reason: str | None,
        *,
        catch_up: bool = False,
        after: Callable[[], object] = lambda: None,
    ) -> Callable[[], list[CheckedTask]]:
        """Send checked tasks to Redis, each to be written if it still is what was seen, or if its id is free.

        `after` is called once they are prepared, and before they are sent. Return what waits for the answer:
        those that were not written, because another writer was there first.
        """
        ready = self.writes.prepared(edits, "updated", reason, catch_up=catch_up)
        after()
        written = self.writes.begin(ready)
        return lambda: [task for (task, _), is_done in zip(edits, written(), strict=True) if not is_done]
