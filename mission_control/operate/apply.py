"""Applying a task file to the registry."""

from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from mission_control.audit.record.difference import difference
from mission_control.files.task_file import parse_section, parse_tasks, read_task_file
from mission_control.model.definitions.task import TaskDefinition
from mission_control.registry.named_resources import NamedResources
from mission_control.registry.registry import Applied, Registry
from mission_control.registry.similar_tasks import SimilarTasks


class CheckedFile(NamedTuple):
    """The tasks of a task file that may be applied, and its limits and budgets by their sections."""

    tasks: list[TaskDefinition]
    resources: Mapping[str, Mapping[str, Any]]
    reason: str


def apply_task_file(
    registry: Registry, file: Path, resources: Mapping[str, NamedResources[Any]], *, dry_run: bool = False
) -> dict[Applied, list[str]]:
    """Register the tasks of a file, and change the registered ones to match it; return what became of each.

    Its limits and budgets are set first, by `resources` of their sections. A field that the file leaves out
    gets its default. What is not in the file stays as it is.

    Raises:
        TaskFileError: the file cannot be read; nothing was applied.
        InvalidTaskError: a definition is wrong; lists every problem, and nothing was applied.
        InvalidResourceError: a limit or budget is; the same.
        ResourceInUseError: a task that is not in the file does not go with a limit of it; the same.
    """
    return apply_checked(registry, check_task_file(registry, file), resources, dry_run=dry_run)


def check_task_file(registry: Registry, file: Path) -> CheckedFile:
    """Return what `apply_task_file` would apply, or raise as that does."""
    found = read_task_file(file)
    given = {one: parse_section(one, items, source=str(file)) for one, items in found.resources.items()}
    parse = SimilarTasks(registry.check, given).parse
    tasks = parse_tasks(
        found.tasks, parse=parse, check=registry.check.dependencies.problems, source=str(file)
    )
    return CheckedFile(tasks, given, f"applied {file.name}")


def field_changes(
    registry: Registry, checked: CheckedFile, task_ids: Collection[str]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return which fields of registered tasks a file would change, each `from` what `to` what, by task.

    Secrets are masked. To be asked before the file is applied.
    """
    before = {one.id: _compared(one) for one in registry.some(task_ids)}
    after = {one.id: _compared(one) for one in checked.tasks if one.id in before}
    return {task_id: difference(one, after[task_id]) for task_id, one in before.items()}


def _compared(task: TaskDefinition) -> dict[str, Any]:
    return {
        name: one for name, one in task.to_dict().items() if name not in {"metadata", "execution_history"}
    }


def apply_checked(
    registry: Registry,
    checked: CheckedFile,
    resources: Mapping[str, NamedResources[Any]],
    *,
    dry_run: bool = False,
    applied: Callable[[int], object] = lambda _: None,
) -> dict[Applied, list[str]]:
    """Apply what was checked, as `apply_task_file` does; `applied` is called with how many are so far."""
    tasks, reason = checked.tasks, checked.reason
    for section, given in checked.resources.items():
        resources[section].set_all(given.values(), edited=tasks, reason=reason, dry_run=dry_run)
    tasks = registry.check.dependencies.upstream_first(tasks)
    done: dict[Applied, list[str]] = {"created": [], "updated": [], "unchanged": []}
    with nullcontext() if dry_run else registry.changes.batch():
        outcomes = registry.apply_all(tasks, reason=reason, dry_run=dry_run, applied=applied)
    for task_id, outcome in outcomes.items():
        done[outcome].append(task_id)
    return done
