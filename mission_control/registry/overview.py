"""How many tasks there are, and what is due next, without reading every definition as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nsmallest
from typing import TYPE_CHECKING

from mission_control.model.definitions.due_times import nominal_time_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from mission_control.model.definitions.task import TaskDefinition
    from mission_control.registry.task_store import StoredTask


@dataclass(frozen=True)
class Overview:
    """Numbers of tasks, and those that beat has down for the soonest times; past ones are overdue."""

    enabled: int
    disabled: int
    next_due: list[tuple[TaskDefinition, datetime]]


def overview_of(
    stored: Sequence[StoredTask], read: Callable[[StoredTask], TaskDefinition | None], *, due_limit: int
) -> Overview:
    """Return an overview of tasks; only those that are named in it are read and checked."""
    enabled = [one for one in stored if one.definition["enabled"]]
    soonest = nsmallest(
        due_limit,
        ((one.due, one.task_id, one) for one in enabled if one.due is not None),
        key=lambda it: it[:2],
    )
    tasks = ((read(one), nominal_time_of(one.definition, due)) for due, _, one in soonest)
    next_due = [(task, moment) for task, moment in tasks if task is not None]
    return Overview(len(enabled), len(stored) - len(enabled), next_due)
