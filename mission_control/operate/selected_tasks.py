"""The tasks that a filter takes, and the status by which it does."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.pause import PauseLayer, pausing_layers
from mission_control.model.values.instants import parse_instant
from mission_control.operate.filters import Filter
from mission_control.operate.search_plan import require_narrow
from mission_control.registry.registry import Registry


def selected_tasks(
    registry: Registry, wanted: Filter, pauses: Sequence[PauseLayer], *, enabled_only: bool
) -> Iterator[tuple[dict[str, Any], TaskDefinition | None]]:
    """Yield the tasks that a filter takes, as `Registry.each` does; `pauses` are those in force.

    Raises:
        WideSearchError: there are too many tasks to look at, and the filter is not confirmed.
    """
    if wanted and not wanted.is_confirmed:
        count = len(registry.ids())
        require_narrow(count, f"{count:,} tasks to look at, by no index")
    for shown, task in registry.each(enabled_only=enabled_only):
        if not wanted or wanted.takes_task(shown, status_of(shown, task, pauses)):
            yield shown, task


def status_of(shown: Mapping[str, Any], task: TaskDefinition | None, pauses: Sequence[PauseLayer]) -> str:
    """Return the status of a task: its state, or `paused` if its next occurrence will be skipped for that."""
    history = shown["execution_history"]
    if history["state"] != "enabled" or history["next_run"] is None:
        return str(history["state"])
    return "paused" if holding_layers(task, parse_instant(history["next_run"]), pauses) else "enabled"


def holding_layers(
    task: TaskDefinition | None, moment: datetime, pauses: Sequence[PauseLayer]
) -> list[PauseLayer]:
    """Return those of the pauses that keep an occurrence at `moment` from running."""
    if task is None or not pauses:
        return []
    return [one for one in pausing_layers(pauses, task) if one.holds(moment)]
