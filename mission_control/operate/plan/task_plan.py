"""A plan: what becomes of each task, and of limits and budgets. A plain value; nothing here asks Redis."""

import hashlib
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import orjson

from mission_control.audit.record.difference import difference
from mission_control.files.disk_map import DiskMap
from mission_control.model.definitions.task import TaskDefinition
from mission_control.registry.checked_task import CheckedTask
from mission_control.registry.stored_task import StoredTask

Kind = Literal["created", "updated", "unchanged", "renamed", "removed"]
KINDS: Final[Sequence[Kind]] = ("created", "updated", "unchanged", "renamed", "removed")

_APART: Final = frozenset({"id", "name", "metadata", "execution_history"})
"""What does not tell a task from another of the same kind."""


@dataclass(frozen=True, slots=True)
class TaskChange:
    """What becomes of one task: `seen` is how it is stored now, `checked` what it should be.

    `file` is the one that it belongs to from then on. A renamed task takes the counters of the task
    `former_id`, which another change removes. Of an unchanged one neither
    is kept, but the digest of how it is stored.
    """

    task_id: str
    kind: Kind
    seen: StoredTask | None
    checked: CheckedTask | None = None
    file: str | None = None
    former_id: str | None = None
    digest: str | None = None

    @property
    def task(self) -> TaskDefinition | None:
        """The definition that it should have."""
        return None if self.checked is None else self.checked.definition


class TaskChanges(DiskMap[TaskChange]):
    """Changes in the order in which they are made; the label is what becomes of the task."""

    def __init__(self, checked: Mapping[str, CheckedTask], changes: Iterable[TaskChange] = ()) -> None:
        super().__init__()
        self._checked = checked
        for one in changes:
            self.add(one.task_id, one, one.kind)

    def packed(self, value: TaskChange) -> bytes:
        """Return what is held of a change: all but the task as it should be."""
        is_checked = value.checked is not None
        return pickle.dumps((value.kind, value.seen, is_checked, value.file, value.former_id, value.digest))

    def unpacked(self, key: str, packed: bytes) -> TaskChange:
        """Return the change of which this is held."""
        kind, seen, is_checked, *more = pickle.loads(packed)  # noqa: S301  # ours alone
        return TaskChange(key, kind, seen, self._checked[key] if is_checked else None, *more)


@dataclass(frozen=True)
class Plan:
    """Changes of tasks in the order in which they are made, and the limits and budgets that are set before.

    `left` are registered tasks that their file no longer has, and that stay, each with its file. With
    `catch_up` new tasks also run what they missed since the beginning of their schedule.
    """

    reason: str
    tasks: TaskChanges
    resources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)
    similar: Mapping[str, str] = field(default_factory=dict)
    catch_up: bool = False

    def by_kind(self) -> dict[Kind, list[str]]:
        """Return the ids of the tasks by what becomes of them; without renamed and removed if none is."""
        return {kind: [*self.tasks.labelled(kind)] for kind in self.counts()}

    def counts(self) -> dict[Kind, int]:
        """Return how many tasks there are of each kind; without renamed and removed if none is."""
        found = self.tasks.counts()
        return {kind: found.get(kind, 0) for kind in KINDS if kind in KINDS[:3] or kind in found}


def changed_tasks(plan: Plan) -> Iterator[CheckedTask]:
    """Yield the tasks that a plan creates or changes, as they should be."""
    return (one.checked for one in plan.tasks.values() if one.checked is not None)


def change_of(
    task: CheckedTask, seen: StoredTask | None, file: str | None, former_id: str | None
) -> TaskChange:
    """Return what becomes of a task that should be as `task`."""
    kind: Kind = "created" if seen is None else "updated" if seen.differs_from(task.form) else "unchanged"
    if former_id is not None:
        kind = "renamed"
    if kind == "unchanged":  # there may be very many
        return TaskChange(task.id, kind, None, None, file, digest=digest_of(seen))
    kept = None if seen is None else replace(seen)  # without what was read of its JSON
    return TaskChange(task.id, kind, kept, task, file, former_id)


def digest_of(stored: StoredTask | None) -> str | None:
    """Return a digest of a task as it is stored."""
    return None if stored is None else hashlib.sha256(stored.text.encode()).hexdigest()


def field_changes(change: TaskChange, former: StoredTask | None = None) -> dict[str, dict[str, Any]]:
    """Return which fields of a task change, each `from` what `to` what, with secrets masked.

    A renamed task is compared with the one that it was, `former`.
    """
    seen = former if former is not None else change.seen
    if change.checked is None or seen is None:
        return {}
    before, after = seen.definition, change.checked.form
    # Of thousands of tasks few fields differ each; which params are secret decides what is masked.
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    shown = {*names, "secret"} - {"metadata"}
    both = ({name: one for name, one in form.items() if name in shown} for form in (before, after))
    return difference(*both)


def similar_tasks(new: Iterable[CheckedTask], left: Iterable[StoredTask]) -> dict[str, str]:
    """Return for new tasks which of the `left` ones they look like, renamed: all but id and name is the same.

    A task that looks like several, or that others look like, too, is not among them.
    """
    names: dict[bytes, list[str]] = {}
    for one in left:
        names.setdefault(_shape(one.definition), []).append(one.task_id)
    found: dict[bytes, list[str]] = {}
    for task in new if names else ():
        found.setdefault(_shape(task.form), []).append(task.id)
    return {
        ids[0]: names[shape][0]
        for shape, ids in found.items()
        if len(ids) == 1 and len(names.get(shape, ())) == 1
    }


def _shape(definition: Mapping[str, Any]) -> bytes:
    kept = {name: value for name, value in definition.items() if name not in _APART}
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)
