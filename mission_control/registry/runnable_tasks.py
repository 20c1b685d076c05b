"""Tasks as producers run them, kept while their entries do not change."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from mission_control.model.definitions.task import TaskDefinition
from mission_control.registry.definition_check import DefinitionCheck
from mission_control.registry.task_store import TaskStore

_MOST: Final = 1_000


class KnownTask(NamedTuple):
    """A task as it was loaded, and the digest of its entry's text: while that is the same, so is the task."""

    task: TaskDefinition
    digest: str


@dataclass(frozen=True)
class RunnableTasks:
    """Loads tasks to run; one that was loaded is known, and may have changed since."""

    store: TaskStore
    check: DefinitionCheck
    _known: dict[str, KnownTask] = field(default_factory=dict, init=False, repr=False)

    def load(self, task_id: str) -> TaskDefinition | None:
        """Return a task, without calendars that cannot be read; None if there is none.

        Raises:
            InvalidTaskError: it is not signed, where tasks are, or cannot be read.
        """
        self._known.pop(task_id, None)
        stored = self.store.load([task_id])[0]
        if stored is None:
            return None
        task = self.check.parse_stored(stored.signed.definition)
        if len(self._known) >= _MOST:
            self._known.clear()
        digest = hashlib.sha1(stored.text.encode(), usedforsecurity=False).hexdigest()
        self._known[task_id] = KnownTask(task, digest)
        return task

    def known(self, task_id: str) -> KnownTask | None:
        """Return a task as it was loaded last; None if it was not, or is no longer known."""
        return self._known.get(task_id)

    def entry_key(self, task_id: str) -> str:
        """Return the key of the entry that a task of that id has, or would have."""
        return self.store.entry_key(task_id)
