"""Questions about tasks, answered from the registry."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from mission_control.audit.record.difference import difference
from mission_control.audit.stream.reader import tail
from mission_control.errors import UnknownTaskError
from mission_control.model.definitions.registered_task import TaskState
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.problems.suggestions import did_you_mean, quoted
from mission_control.model.values.identifiers import begun_with, whole_name
from mission_control.model.values.instants import parse_instant
from mission_control.registry.registry import Registry
from mission_control.store.redis_keys import MAX_REVISIONS


@dataclass(frozen=True)
class TaskSummary:
    """A task in a list: its definition, its state, and its history in numbers."""

    task_id: str
    task: TaskDefinition | None
    state: TaskState
    problem: str | None
    next_run: datetime | None
    successes: int
    failures: int
    last_run: str | None


def existing_task(registry: Registry, task_id: str) -> TaskDefinition:
    """Return a task.

    Raises:
        UnknownTaskError: no task has that id; names the nearest one.
    """
    task = registry.definition(task_id)
    if task is None:
        raise unknown_task(registry, task_id)
    return task


def task_id_of(registry: Registry, text: str, *, changes: bool = False) -> str:
    """Return the id that a text stands for, as `whole_name` does.

    Raises:
        UnknownTaskError: several begin with it; names them.
    """
    return whole_name(text, registry.ids(), "tasks", UnknownTaskError, changes=changes)


def task_json(registry: Registry, task_id: str) -> dict[str, Any]:
    """Return a task as JSON, with its execution history.

    Raises:
        UnknownTaskError: no task has that id; names the nearest one.
    """
    found = registry.get(task_id)
    if found is None:
        raise unknown_task(registry, task_id)
    return found


def unknown_task(registry: Registry, task_id: str) -> UnknownTaskError:
    """Return the error for an id that no readable task has: its problem, or the nearest id."""
    ids = registry.ids()
    if task_id in ids and (problem := registry.unreadable().get(task_id)) is not None:
        return UnknownTaskError(
            f"task {quoted(task_id)} cannot be read: {problem}; remove it and register it again"
        )
    begun = begun_with(task_id, ids)
    hint = f'; did you mean "{begun[0]}"?' if len(begun) == 1 else did_you_mean(task_id, ids)
    way_on = hint or ("; see `mission-control task list`" if ids else "; there are no tasks yet")
    return UnknownTaskError(f"no task has the id {quoted(task_id)}{way_on}")


@contextmanager
def naming_nearest_task(registry: Registry, task_id: str) -> Iterator[None]:
    """Add the nearest id to an `UnknownTaskError` raised inside."""
    try:
        yield
    except UnknownTaskError as error:
        raise unknown_task(registry, task_id) from error


def summary_of(shown: Mapping[str, Any], task: TaskDefinition | None) -> TaskSummary:
    """Return a task in the story's shape in short; one whose definition cannot be read has no `task`."""
    history = shown["execution_history"]
    next_run = None if history["next_run"] is None else parse_instant(history["next_run"])
    counts = history["success_count"], history["failure_count"]
    return TaskSummary(
        shown["id"], task, history["state"], history["problem"], next_run, *counts, history["last_run"]
    )


@dataclass(frozen=True)
class Revision:
    """One change of a task; `changes` maps a field's path to `from` and `to`, None for the oldest kept."""

    number: int
    modified: str
    by: str | None
    reason: str | None
    changes: dict[str, dict[str, Any]] | None


def task_revisions(registry: Registry, changes_log: Path, task_id: str) -> list[Revision]:
    """Return a task's changes, latest first; who made them is known as far as the stream of changes says.

    Raises:
        UnknownTaskError: no task has that id; names the nearest one.
    """
    existing_task(registry, task_id)
    found = registry.revisions(task_id)
    recorded = {one["revision"]: one for one in tail(changes_log, MAX_REVISIONS, task_id=task_id)}
    return [
        _revision(newer, older, recorded) for newer, older in pairwise([*found, None]) if newer is not None
    ]


def _revision(
    newer: dict[str, Any], older: dict[str, Any] | None, recorded: dict[int, dict[str, Any]]
) -> Revision:
    metadata = newer.get("metadata", {})
    number = metadata.get("revision", 0)
    record = recorded.get(number, {})
    changes = None
    if older is not None:
        found = difference(older, newer).items()
        changes = {path: one for path, one in found if not path.startswith("metadata.")}
    return Revision(
        number, str(metadata.get("last_modified", "")), record.get("actor"), record.get("reason"), changes
    )
