"""Applying a task file to the registry."""

from contextlib import nullcontext
from functools import partial
from pathlib import Path

from mission_control.files.task_file import parse_limits, parse_tasks, read_task_file
from mission_control.registry.limits import Limits
from mission_control.registry.registry import Applied, Registry


def apply_task_file(
    registry: Registry, file: Path, limits: Limits, *, dry_run: bool = False
) -> dict[Applied, list[str]]:
    """Register the tasks of a file, and change the registered ones to match it; return what became of each.

    Its limits are set first. A field that the file leaves out gets its default. Tasks and limits that are not
    in the file stay as they are.

    Raises:
        TaskFileError: the file cannot be read; nothing was applied.
        InvalidTaskError: a definition is wrong; lists every problem, and nothing was applied.
        InvalidLimitError: a limit is; the same.
    """
    found = read_task_file(file)
    given = parse_limits(found.limits, source=str(file))
    parse = partial(registry.check.parse_new, limits=given, is_alone=False)
    tasks = parse_tasks(
        found.tasks, parse=parse, check=registry.check.dependencies.problems, source=str(file)
    )
    for limit in given.values():
        limits.set(limit.to_dict(), reason=f"applied {file.name}", dry_run=dry_run)
    done: dict[Applied, list[str]] = {"created": [], "updated": [], "unchanged": []}
    with nullcontext() if dry_run else registry.changes.batch():
        for task in tasks:
            done[registry.apply(task, reason=f"applied {file.name}", dry_run=dry_run)].append(task.id)
    return done
