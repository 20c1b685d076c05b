"""Applying and exporting task files: the registry made to hold what a file says, and the reverse."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mission_control.files.task_file import parse_tasks, read_task_file, write_task_file

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.model.definitions.task import TaskDefinition
    from mission_control.registry.registry import Registry


@dataclass(frozen=True)
class Application:
    """What applying a file did, or would do: the ids of the tasks, each in one list."""

    created: tuple[str, ...]
    updated: tuple[str, ...]
    unchanged: tuple[str, ...]


def apply_task_file(
    installation: Installation, path: Path | str | None = None, *, dry_run: bool = False
) -> Application:
    """Register the tasks of a file, and change those that are registered already to what it says.

    A field that the file leaves out has its default afterwards. Tasks that are not in the file stay as
    they are. Without a `path` it is the installation's own task file, which need not exist.

    Raises:
        TaskFileError: the file cannot be read; nothing was applied.
        InvalidTaskError: a definition is wrong; lists every problem, and nothing was applied.
    """
    file = installation.settings.default_tasks_file if path is None else Path(path)
    if path is None and not file.exists():
        return Application((), (), ())
    registry = installation.registry
    tasks = parse_tasks(read_task_file(file), parse=registry.check.parse_new, source=str(file))
    done: dict[str, list[str]] = {"created": [], "updated": [], "unchanged": []}
    with nullcontext() if dry_run else registry.batch():
        for task in tasks:
            done[_apply(registry, task, reason=f"applied {file.name}", dry_run=dry_run)].append(task.id)
    return Application(tuple(done["created"]), tuple(done["updated"]), tuple(done["unchanged"]))


def _apply(registry: Registry, task: TaskDefinition, *, reason: str, dry_run: bool) -> str:
    is_changed = registry.is_changed_by(task)
    if is_changed is None:
        if not dry_run:
            registry.add(task, reason=reason)
        return "created"
    if not is_changed:
        return "unchanged"
    if not dry_run:
        registry.replace(task, reason=reason)
    return "updated"


def export_task_file(installation: Installation, path: Path | str | None = None) -> Path:
    """Write every task to a file, as `apply_task_file` reads it, and return the file's path.

    Raises:
        TaskFileError: the file cannot be written; the old one is as it was.
    """
    file = installation.settings.default_tasks_file if path is None else Path(path)
    write_task_file(file, installation.registry.definitions())
    return file
