"""The registry of tasks: each change is checked, made in one transaction, and recorded.

This file has more than 250 lines because all that changes or reads a task goes through one class.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from mission_control.errors import InvalidTaskError, Problem, RevisionDiffersError, StoreUnavailableError
from mission_control.events import events
from mission_control.ledger.ledger import Ledger
from mission_control.model.definitions.due_times import due_after
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.values.identifiers import known_form
from mission_control.registry.change_log import ChangeLog
from mission_control.registry.changes import differences, merge_updates
from mission_control.registry.checked_task import CheckedTask
from mission_control.registry.definition_check import DefinitionCheck
from mission_control.registry.planned_writes import PlannedWrites
from mission_control.registry.runnable_tasks import RunnableTasks
from mission_control.registry.similar_tasks import SimilarStoredTasks
from mission_control.registry.stored_task import StoredTask, stored_form
from mission_control.registry.task_files import TaskFiles
from mission_control.registry.task_store import TaskStore
from mission_control.registry.task_views import Overview, overview_of, shown_by_id, shown_tasks
from mission_control.registry.task_writes import TaskWrites
from mission_control.registry.waiting_runs import REMOVED, WaitingRuns

Applied = Literal["created", "updated", "unchanged"]

_ATTEMPTS_AGAINST_OTHER_WRITERS: Final = 20


class Registry:
    """The tasks of one installation.

    Guarantees: an invalid definition changes nothing. A change is one transaction (definition, next due
    instant, revision) and leaves a record in `task_changes.jsonl`, at once or as soon as it can be written.
    Two writers at the same time never overwrite each other's changes. Registering, editing and enabling
    never fire by surprise: the next occurrence is computed from now, unless `catch_up` is set.
    """

    def __init__(
        self,
        store: TaskStore,
        *,
        ledger: Ledger,
        changes: ChangeLog,
        runs: WaitingRuns,
        check: DefinitionCheck,
        clock: Callable[[], datetime],
    ) -> None:
        self.check = check
        self.runnable = RunnableTasks(store, check)
        self._store = store
        self._ledger = ledger
        self.changes = changes
        self._runs = runs
        self._clock = clock
        self._writes = TaskWrites(store, changes, runs, clock)
        self.planned = PlannedWrites(store, self._writes, TaskFiles(check.client), clock)

    def register(
        self,
        definition: Mapping[str, Any],
        *,
        reason: str | None = None,
        catch_up: bool = False,
        replace: bool = False,
    ) -> bool:
        """Check a definition and add it as a task; False if the id is taken, and nothing changed.

        A difference from the task that has the id is logged; with `replace` that task is updated instead.
        With `catch_up` occurrences from the schedule's `start` (or a one-off's `at`) up to now are due too.

        Raises:
            InvalidTaskError: lists every problem.
        """
        task = self.check.parse_new(definition, may_be_over=catch_up)
        if replace:
            self.apply(task, reason=reason, catch_up=catch_up)
            return True
        if self.add(task, reason=reason, catch_up=catch_up):
            return True
        stored = self._store.load([task.id])[0]
        if stored is None:
            self.check.parse_new(
                definition, may_be_over=catch_up
            )  # another writer has closed a cycle with it
        elif differ := differences(stored.definition, stored_form(task)):
            events.definition_kept(task.id, differ)
        return False

    def add(self, task: TaskDefinition, *, reason: str | None = None, catch_up: bool = False) -> bool:
        """Add a task that is checked already, as `register` does."""
        return self._write(CheckedTask.of(task), None, "registered", reason, catch_up=catch_up)

    def unregister(
        self, task_id: str, *, reason: str | None = None, if_deleted: bool = False, force: bool = False
    ) -> bool:
        """Remove a task; False if there is none.

        Its waiting runs are cancelled, with their records; one that runs now goes on, and is not retried. If
        this process is killed meanwhile, a worker cancels them instead.

        Raises:
            InvalidTaskError: other tasks come after it, which its removal would break, and it is not forced.
        """
        task_id = known_form(task_id)
        if not (force or if_deleted) and (broken := self.downstream(task_id)):
            what = f"others come after it: {', '.join(broken)}; change or remove them first, or force it"
            raise InvalidTaskError([Problem("", what)], subject=f"task {task_id!r}")
        lasts = self._ledger.retention_seconds
        removed = self._store.remove(
            task_id,
            self._clock(),
            reason=REMOVED,
            lasts=lasts,
            edit=self.changes.edit("task", "unregistered", task_id=task_id),
            if_deleted=if_deleted,
        )
        if removed is None:
            return False
        was, active = removed
        self.changes.record(task_id, "unregistered", was, {}, reason=reason, at=self._clock())
        self._runs.of_removed(active)
        return True

    def update(
        self,
        task_id: str,
        updates: Mapping[str, Any],
        *,
        change: str = "updated",
        reason: str | None = None,
        catch_up: bool = False,
        revision: int | None = None,
    ) -> bool:
        """Change a task; False if there is none.

        It must have that `revision`, if one is given. With `catch_up` an occurrence that was already due
        stays due. `changes.merge_updates` says which
        fields are merged and which replaced. An update that changes nothing leaves no revision.

        Raises:
            InvalidTaskError: lists every problem.
            RevisionDiffersError: it has another revision.
        """
        return self._change(
            task_id,
            lambda stored: self.check.parse_new(merge_updates(stored.signed.definition, updates)),
            change=change,
            reason=reason,
            catch_up=catch_up,
            revision=revision,
        )

    def apply(
        self,
        task: TaskDefinition,
        *,
        reason: str | None = None,
        catch_up: bool = False,
        dry_run: bool = False,
        revision: int | None = None,
    ) -> Applied:
        """Register a checked task, or put it in the place of the one with its id; return what that did.

        A replaced task keeps its history, and its metadata apart from the revision.

        Raises:
            RevisionDiffersError: it must have that `revision`, and has another.
        """
        checked, seen = CheckedTask.of(task), self._store.load([task.id])[0]
        _check_revision(task.id, seen, revision)
        what = _what(checked, seen)
        is_done = dry_run or what == "unchanged"
        if not is_done and not self._write(checked, seen, "updated", reason, catch_up=catch_up):
            self._replace(task, reason, revision)
        return what

    def _replace(self, task: TaskDefinition, reason: str | None, revision: int | None) -> None:
        if not self._change(task.id, lambda _: task, change="updated", reason=reason, revision=revision):
            self.add(task, reason=reason)

    def enable(self, task_id: str, *, reason: str | None = None) -> bool:
        """Let a task fire again, from its next occurrence after now; False if there is no such task."""
        return self.update(task_id, {"enabled": True}, change="enabled", reason=reason)

    def disable(self, task_id: str, *, reason: str | None = None) -> bool:
        """Stop a task from firing; False if there is no such task.

        Its waiting runs are cancelled, with their records; one that runs now goes on, and is not retried.
        """
        return self.switch(task_id, enabled=False, reason=reason)

    def switch(self, task_id: str, *, enabled: bool, reason: str | None = None) -> bool:
        """Enable or disable a task as it is stored, even if its handler or a calendar is missing now."""
        return self._change(
            task_id,
            lambda stored: self.check.parse_stored({**stored.signed.definition, "enabled": enabled}),
            change="enabled" if enabled else "disabled",
            reason=reason,
        )

    def get(self, task_id: str) -> dict[str, Any] | None:
        """Return a task in the story's shape with its execution history, or None.

        A task whose entry is damaged is shown as it was last, quarantined, with the problem.
        """
        return shown_by_id(self._store, self._ledger, task_id)

    def definition(self, task_id: str, *, to_run: bool = False) -> TaskDefinition | None:
        """Return a task as a model, or None, without unreadable calendars; one `to_run` must be signed."""
        stored = self._store.load([task_id])[0]
        found = stored.signed if stored is not None and to_run else stored
        return None if found is None else self.check.parse_stored(found.definition)

    def ids(self) -> list[str]:
        """Return the ids of all tasks, sorted."""
        return self._store.ids()

    def downstream(self, task_id: str) -> list[str]:
        """Return the ids of the tasks that come right after a task, sorted."""
        return self._store.downstream(known_form(task_id))

    def definitions(self) -> list[TaskDefinition]:
        """Return all tasks as models, sorted by id; unreadable and unsigned ones are left out."""
        return [*self.readable()]

    def readable(self) -> Iterator[TaskDefinition]:
        """Yield the same as they are read."""
        return self._read(self._store.each(self._store.ids()))

    def some(self, task_ids: Iterable[str]) -> list[TaskDefinition]:
        """Return those of the tasks that can be read, and are not quarantined, as models."""
        found = (one for one in self._store.each(task_ids) if one is not None and one.problem is None)
        return [*self._read(found)]

    def overview(self, *, due_limit: int, only: Collection[str] | None = None) -> Overview:
        """Return how many tasks there are, or of `only` these, and which are due first; cheap for many."""
        ids, read = self._store.ids(), SimilarStoredTasks(self.check).read
        wanted = ids if only is None else [one for one in ids if one in only]
        stored = filter(None, self._store.each(wanted))
        return overview_of(stored, set(ids), read, due_limit=due_limit)

    def tasks(self, *, enabled_only: bool = True) -> list[dict[str, Any]]:
        """Return all tasks in the story's shape, sorted by id; damaged ones as `get` does."""
        return [shown for shown, _ in shown_tasks(self._store, self._ledger, enabled_only=enabled_only)]

    def each(
        self, *, enabled_only: bool = True, only: Sequence[str] | None = None
    ) -> Iterator[tuple[dict[str, Any], TaskDefinition | None]]:
        """Yield what `tasks` returns, each with its model if it can be read, without holding all of them.

        Those are all tasks, or those of the ids in `only`.
        """
        read = SimilarStoredTasks(self.check).read
        for shown, stored in shown_tasks(self._store, self._ledger, enabled_only=enabled_only, only=only):
            yield shown, None if stored is None else read(stored)

    def unreadable(self) -> dict[str, str]:
        """Return the problem of each task that cannot be read, by its id."""
        return self._store.damaged(self._store.ids())

    def revisions(self, task_id: str) -> list[dict[str, Any]]:
        """Return the definitions a task has had, the newest first."""
        return self._store.revisions(task_id)

    def due_after_run(self, task_id: str, ended_at: datetime) -> float | None:
        """Return when a fixed-delay task is due again whose run ended at `ended_at`, in Unix seconds.

        None if it has no further occurrence; at once if it cannot be read, so that beat reports it.
        """
        stored = self._store.load([task_id])[0]
        try:
            return None if stored is None else due_after(self.check.parse(stored.definition), ended_at)
        except InvalidTaskError:
            return ended_at.timestamp()

    def _change(
        self,
        task_id: str,
        edited: Callable[[StoredTask], TaskDefinition],
        *,
        change: str,
        reason: str | None,
        catch_up: bool = False,
        revision: int | None = None,
    ) -> bool:
        for _ in range(_ATTEMPTS_AGAINST_OTHER_WRITERS):
            stored = self._store.load([task_id])[0]
            _check_revision(task_id, stored, revision)
            if stored is None:
                return False
            task = edited(stored)
            checked = CheckedTask.of(task)
            if not stored.differs_from(checked.form):
                if not task.enabled and change == "disabled":
                    self._runs.of_disabled(task_id)
                return True
            if self._write(checked, stored, change, reason, catch_up=catch_up):
                return True
        raise StoreUnavailableError(f"task {task_id!r} was not changed: others keep changing it; try again")

    def _write(
        self,
        task: CheckedTask,
        seen: StoredTask | None,
        change: str,
        reason: str | None,
        *,
        catch_up: bool = False,
    ) -> bool:
        return self._writes.begin(self._writes.prepared([(task, seen)], change, reason, catch_up=catch_up))()[
            0
        ]

    def _read(self, stored: Iterable[StoredTask | None]) -> Iterator[TaskDefinition]:
        return filter(None, map(SimilarStoredTasks(self.check).read, filter(None, stored)))


def _check_revision(task_id: str, stored: StoredTask | None, wanted: int | None) -> None:
    there = None if stored is None else stored.definition["metadata"]["revision"]
    if wanted not in {None, there}:
        is_now = "there is no such task" if there is None else f"it is at revision {there}"
        raise RevisionDiffersError(
            f"task {task_id!r} is no longer at revision {wanted}: {is_now}; read it again"
        )


def _what(task: CheckedTask, stored: StoredTask | None) -> Applied:
    if stored is None:
        return "created"
    return "updated" if stored.differs_from(task.form) else "unchanged"
