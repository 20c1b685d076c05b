"""The registry of tasks: validated on the way in, one transaction a change, every change recorded."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from mission_control.audit.debts.unwritten_records import write_or_keep
from mission_control.audit.record.difference import difference
from mission_control.audit.record.records import ChangeRecord
from mission_control.errors import InvalidTaskError, StoreUnavailableError
from mission_control.events import events
from mission_control.model.definitions.due_times import due_after, has_beginning
from mission_control.registry.changes import changes_timing, merge_updates, new_metadata, next_metadata
from mission_control.registry.overview import Overview, overview_of
from mission_control.registry.shown_task import shown_task
from mission_control.registry.task_store import KEEP_DUE, StoredTask, TaskStore, stored_form
from mission_control.registry.unenforced import unenforced_fields
from mission_control.store.redis_keys import DEFAULT_REDBEAT_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from redis import Redis

    from mission_control.audit.stream.log import AuditLog
    from mission_control.ledger.ledger import Ledger
    from mission_control.model.definitions.task import TaskDefinition
    from mission_control.registry.definition_check import DefinitionCheck
    from mission_control.store.redis_keys import RedBeatKeys

_ATTEMPTS_AGAINST_OTHER_WRITERS: Final = 20
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Registry:
    """The tasks of one installation.

    Guarantees: an invalid definition changes nothing; a change is one transaction (definition, next due
    instant, revision) and leaves a record in `task_changes.jsonl` (one that cannot be written is kept, and
    written later); two writers at once never overwrite each other unseen. Registering, editing and enabling
    never fire by surprise: the next occurrence is computed from now, unless `catch_up` is set.
    """

    def __init__(
        self,
        client: Redis,
        *,
        ledger: Ledger,
        changes: AuditLog,
        check: DefinitionCheck,
        clock: Callable[[], datetime],
        actor: str,
        redbeat_keys: RedBeatKeys = DEFAULT_REDBEAT_KEYS,
        mirror: Callable[[], None] | None = None,
    ) -> None:
        self.check = check
        self._store = TaskStore(client, redbeat_keys)
        self._ledger = ledger
        self._changes = changes
        self._clock = clock
        self._actor = actor
        self._mirror = mirror
        self._is_batch = False

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Make several changes with one writing of the mirror at the end."""
        self._is_batch = True
        try:
            yield
        finally:
            self._is_batch = False
            self._write_mirror()

    def register(
        self, definition: Mapping[str, Any], *, reason: str | None = None, catch_up: bool = False
    ) -> bool:
        """Add a task; False if the id is taken, and nothing changed.

        With `catch_up` occurrences between the schedule's `start` (or a one-off's `at`) and now are due too.
        """
        now = self._clock()
        checked = self.check.parse_new(definition)
        metadata = new_metadata(checked.metadata.created_by, actor=self._actor, now=now)
        task = self.check.parse({**checked.to_dict(), "metadata": metadata})
        due = due_after(task, _BEGINNING if catch_up and has_beginning(task) else now)
        if not self._store.put(task, seen=None, due=due, now=now):
            return False
        self._record(task, "registered", {}, reason, now)
        return True

    def unregister(self, task_id: str, *, reason: str | None = None) -> bool:
        """Remove a task; False if there is none. Runs already sent still run."""
        removed = self._store.remove(task_id)
        if removed is None:
            return False
        record = ChangeRecord(
            timestamp=self._clock(),
            task_id=task_id,
            change="unregistered",
            actor=self._actor,
            reason=reason,
            revision=removed["metadata"]["revision"] if removed else None,
            diff=difference(removed, {}),
        )
        self._append(record)
        return True

    def update(
        self,
        task_id: str,
        updates: Mapping[str, Any],
        *,
        change: str = "updated",
        reason: str | None = None,
        catch_up: bool = False,
    ) -> bool:
        """Change a task; False if there is none.

        With `catch_up` an occurrence that was already due stays due. See `changes.merge_updates` for
        what is merged and what replaced. An update that changes nothing leaves no revision.
        """
        for _ in range(_ATTEMPTS_AGAINST_OTHER_WRITERS):
            stored = self._store.load([task_id])[0]
            if stored is None:
                return False
            if self._try_update(stored, updates, change=change, reason=reason, catch_up=catch_up):
                return True
        raise StoreUnavailableError(
            f"task {task_id!r} is being changed by others too often to get an edit in; try again"
        )

    def enable(self, task_id: str, *, reason: str | None = None) -> bool:
        """Let a task fire again, from its next occurrence after now on; False if there is no such task."""
        return self.update(task_id, {"enabled": True}, change="enabled", reason=reason)

    def disable(self, task_id: str, *, reason: str | None = None) -> bool:
        """Keep a task from firing; False if there is no such task. Runs already sent still run."""
        return self.update(task_id, {"enabled": False}, change="disabled", reason=reason)

    def get(self, task_id: str) -> dict[str, Any] | None:
        """Return a task in the story's shape with its execution history, or None."""
        stored = self._store.load([task_id])[0]
        return None if stored is None else shown_task(stored, self._ledger.history(task_id))

    def definition(self, task_id: str) -> TaskDefinition | None:
        """Return a task as a model, or None."""
        stored = self._store.load([task_id])[0]
        return None if stored is None else self.check.parse(stored.definition)

    def definitions(self) -> list[TaskDefinition]:
        """Return all tasks as models, sorted by id; one that cannot be read any more is left out."""
        found = (self._readable(stored) for stored in self._store.load(self._store.ids()))
        return [task for task in found if task is not None]

    def overview(self, *, due_limit: int) -> Overview:
        """Return how many tasks there are, and the first that are due; cheap however many there are."""
        found = [stored for stored in self._store.load(self._store.ids()) if stored is not None]
        return overview_of(found, self._readable, due_limit=due_limit)

    def difference(self, task: TaskDefinition) -> dict[str, Any] | None:
        """Return the fields in which `task` differs from the registered one; None if its id is free."""
        stored = self._store.load([task.id])[0]
        if stored is None:
            return None
        wanted = {name: value for name, value in stored_form(task).items() if name != "metadata"}
        return {name: value for name, value in wanted.items() if stored.definition.get(name) != value}

    def tasks(self, *, enabled_only: bool = True) -> list[dict[str, Any]]:
        """Return all tasks in the story's shape, sorted by id."""
        found = [stored for stored in self._store.load(self._store.ids()) if stored is not None]
        shown = [stored for stored in found if stored.definition["enabled"] or not enabled_only]
        histories = self._ledger.histories(stored.task_id for stored in shown)
        return [shown_task(stored, history) for stored, history in zip(shown, histories, strict=True)]

    def revisions(self, task_id: str) -> list[dict[str, Any]]:
        """Return the definitions a task has had, the newest first."""
        return self._store.revisions(task_id)

    def due_after_run(self, task_id: str, ended_at: datetime) -> float | None:
        """Return when a fixed-delay task is due again whose run ended at `ended_at`, in Unix seconds.

        None if it has no further occurrence. A definition that cannot be read (any more) is due at once,
        so that whoever fires it finds it and says so.
        """
        try:
            task = self.definition(task_id)
        except InvalidTaskError:
            return ended_at.timestamp()
        return None if task is None else due_after(task, ended_at)

    def _try_update(
        self,
        stored: StoredTask,
        updates: Mapping[str, Any],
        *,
        change: str,
        reason: str | None,
        catch_up: bool,
    ) -> bool:
        now = self._clock()
        merged = self.check.parse_new(merge_updates(stored.definition, updates))
        if stored_form(merged) == stored.definition and not self._store.is_set_aside(stored.task_id):
            return True
        metadata = next_metadata(stored.definition["metadata"], now=now)
        task = self.check.parse({**merged.to_dict(), "metadata": metadata})
        is_due_kept = catch_up and stored.due is not None and stored.due <= now.timestamp()
        moves = changes_timing(stored.definition, stored_form(task)) and not is_due_kept
        due_anew = due_after(task, now)
        due = due_anew if moves else KEEP_DUE
        if not self._store.put(task, seen=stored, due=due, now=now, due_if_set_aside=due_anew):
            return False
        self._record(task, change, stored.definition, reason, now)
        return True

    def _readable(self, stored: StoredTask | None) -> TaskDefinition | None:
        try:
            return None if stored is None else self.check.parse(stored.definition)
        except InvalidTaskError:
            return None

    def _record(
        self, task: TaskDefinition, change: str, before: Mapping[str, Any], reason: str | None, now: datetime
    ) -> None:
        unenforced = unenforced_fields(task)
        if unenforced:
            events.fields_not_enforced(task.id, ", ".join(unenforced))
        record = ChangeRecord(
            timestamp=now,
            task_id=task.id,
            change=change,
            actor=self._actor,
            reason=reason,
            revision=task.metadata.revision,
            diff=difference(before, stored_form(task)),
        )
        self._append(record)

    def _append(self, record: ChangeRecord) -> None:
        """Record a change that is made; it stands, whatever becomes of its record and of the mirror."""
        write_or_keep(self._changes, record.to_dict())
        self._write_mirror()

    def _write_mirror(self) -> None:
        if self._mirror is not None and not self._is_batch:
            self._mirror()
