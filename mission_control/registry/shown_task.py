"""A task as callers see it: its definition with the history of its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mission_control.model.definitions.due_times import nominal_time_of
from mission_control.model.values.instants import format_instant

if TYPE_CHECKING:
    from mission_control.model.runs.history import History
    from mission_control.registry.task_store import StoredTask


def shown_task(stored: StoredTask, history: History) -> dict[str, Any]:
    """Return a stored task in the story's shape. The definition is not checked again."""
    next_run = None
    if stored.due is not None:
        next_run = format_instant(nominal_time_of(stored.definition, stored.due))
    last_run = None if history.last_run is None else format_instant(history.last_run)
    return {
        **stored.definition,
        "execution_history": {
            "last_run": last_run,
            "next_run": next_run,
            "total_runs": history.total_runs,
            "success_count": history.success_count,
            "failure_count": history.failure_count,
        },
    }
