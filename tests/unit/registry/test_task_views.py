"""An overview of many tasks: only those that are named in it are read as a whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mission_control.registry.stored_task import StoredTask
from mission_control.registry.task_views import overview_of

if TYPE_CHECKING:
    from mission_control.model.definitions.task import TaskDefinition


def stored(number: int, *, due: float | None, enabled: bool = True) -> StoredTask:
    definition = {"id": f"t{number}", "enabled": enabled, "schedule": {"type": "daily"}}
    return StoredTask(
        f"t{number}", json.dumps({**definition, "queue": "default", "handler": "handlers.x.run"}), due
    )


def test_overview_reads_only_the_tasks_due_first() -> None:
    tasks = [stored(number, due=float(1_000 - number)) for number in range(100)]
    tasks += [stored(100, due=None), stored(101, due=1.0, enabled=False), stored(102, due=0.0)]
    seen: list[str] = []

    def read(one: StoredTask) -> TaskDefinition | None:
        seen.append(one.task_id)
        task: Any = one.task_id
        return None if one.task_id == "t102" else task  # which is corrupt by now

    overview = overview_of(tasks, {one.task_id for one in tasks}, read, due_limit=3)
    none_due = overview_of(tasks, (), read, due_limit=0)

    assert (overview.enabled, overview.disabled) == (none_due.enabled, none_due.disabled) == (102, 1)
    assert seen == ["t102", "t99", "t98"]
    named: list[Any] = overview.next_due
    assert named == [("t99", datetime.fromtimestamp(901, UTC)), ("t98", datetime.fromtimestamp(902, UTC))]
