"""Reading the audit stream in tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mission_control.audit.stream.reader import read_all

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation


def records_of(installation: Installation, task_id: str) -> list[dict[str, Any]]:
    """Return a task's records, attempts of a run in their order (see `attempt`), runs as they ended."""
    path = installation.settings.task_execution_log
    if not path.exists():
        return []
    return [record for record in read_all(path) if record["task_id"] == task_id]


def final_records_of(installation: Installation, task_id: str) -> list[dict[str, Any]]:
    """Return the records that end a run of a task."""
    return [record for record in records_of(installation, task_id) if record["final"]]
