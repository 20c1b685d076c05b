"""Applying a task file to the registry."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mission_control.operate.plan.carrying_out import carry_out
from mission_control.operate.plan.planning import check_task_files, plan_of
from mission_control.operate.plan.task_plan import Plan
from mission_control.registry.named_resources import NamedResources
from mission_control.registry.registry import Registry


def apply_task_file(
    registry: Registry, file: Path, resources: Mapping[str, NamedResources[Any]], *, dry_run: bool = False
) -> Plan:
    """Register the tasks of a file, and change the registered ones to match it; return what that was.

    Its limits and budgets are set first, by `resources` of their sections. A field that the file leaves out
    gets its default. What is not in the file stays as it is.

    Raises:
        TaskFileError: the file cannot be read; nothing was applied.
        InvalidTaskError: a definition is wrong; lists every problem, and nothing was applied.
        InvalidResourceError: a limit or budget is; the same.
        ResourceInUseError: a task that is not in the file does not go with a limit of it; the same.
    """
    plan = plan_of(registry, check_task_files(registry, [file]))
    carry_out(registry, resources, plan, dry_run=dry_run)
    return plan
