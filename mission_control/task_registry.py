"""Registering and changing tasks of the installation that the environment describes.

True: it was done. False: the id already exists (`register_task`) or does not exist (the others), and
nothing changed. All functions raise `StoreUnavailableError`, within seconds, if Redis cannot be reached or
refuses.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from mission_control.installation.installation import current_installation
from mission_control.model.definitions.registered_task import RegisteredTask
from mission_control.registry.registry import Registry
from mission_control.store.connection import store_errors

__all__ = [
    "disable_task",
    "enable_task",
    "get_task",
    "list_tasks",
    "register_task",
    "unregister_task",
    "update_task",
]


def register_task(task_def: Mapping[str, Any], *, replace: bool = False) -> bool:
    """Add a task. It first fires at its next scheduled time.

    If a task with that id exists, it stays as it is, and a warning names the fields that differ. With
    `replace` it gets the new definition instead, and keeps its history; the answer is then always True.

    Raises:
        InvalidTaskError: the definition is invalid; lists every problem.
    """
    with _registry() as registry:
        return registry.register(task_def, replace=replace)


def unregister_task(task_id: str, *, force: bool = False) -> bool:
    """Remove a task. Its waiting runs are cancelled; one that runs now goes on, and is not retried.

    Raises:
        InvalidTaskError: other tasks come after it, and `force` is not given; names them.
    """
    with _registry() as registry:
        return registry.unregister(task_id, force=force)


def get_task(task_id: str) -> RegisteredTask | None:
    """Return a task's definition with its execution history, or None if no task has that id.

    If another program has damaged the task's entry, the answer is the definition that it had last, as far as
    that can be read; its `state` is "quarantined", and `problem` says why.
    """
    with _registry() as registry:
        return cast("RegisteredTask | None", registry.get(task_id))


def list_tasks(enabled_only: bool = True) -> list[RegisteredTask]:
    """Return the tasks as `get_task` does, sorted by id; `enabled_only=False` includes disabled ones."""
    with _registry() as registry:
        return cast("list[RegisteredTask]", registry.tasks(enabled_only=enabled_only))


def update_task(task_id: str, updates: Mapping[str, Any]) -> bool:
    """Change the given fields of a task.

    `retry_policy`, `misfire` and `notify` may be given in part; every other field is replaced. A changed
    schedule counts from now, so an edit never fires a past occurrence.

    Raises:
        InvalidTaskError: the result would be invalid; lists every problem, and nothing changed.
    """
    with _registry() as registry:
        return registry.update(task_id, updates)


def enable_task(task_id: str) -> bool:
    """Enable a task. It next fires at its next scheduled time."""
    with _registry() as registry:
        return registry.enable(task_id)


def disable_task(task_id: str) -> bool:
    """Disable a task. It stops firing until it is enabled; its waiting runs are cancelled."""
    with _registry() as registry:
        return registry.disable(task_id)


@contextmanager
def _registry() -> Iterator[Registry]:
    installation = current_installation()
    with store_errors(installation.redis_url):
        yield installation.registry
