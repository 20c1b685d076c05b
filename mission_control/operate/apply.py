"""Applying a task file to the registry."""

from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from mission_control.files.task_file import parse_section, parse_tasks, read_task_file
from mission_control.registry.named_resources import NamedResources
from mission_control.registry.registry import Applied, Registry


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
    """
    found = read_task_file(file)
    given = {one: parse_section(one, items, source=str(file)) for one, items in found.resources.items()}
    parse = partial(registry.check.parse_new, resources=given, is_alone=False)
    tasks = parse_tasks(
        found.tasks, parse=parse, check=registry.check.dependencies.problems, source=str(file)
    )
    for section, ours in given.items():
        for one in ours.values():
            resources[section].set(one.to_dict(), reason=f"applied {file.name}", dry_run=dry_run)
    done: dict[Applied, list[str]] = {"created": [], "updated": [], "unchanged": []}
    with nullcontext() if dry_run else registry.changes.batch():
        what = registry.apply_all(tasks, reason=f"applied {file.name}", dry_run=dry_run)
    for task_id, applied in what.items():
        done[applied].append(task_id)
    return done
