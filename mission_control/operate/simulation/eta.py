"""When runs that wait, and occurrences to come, are expected to start."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import WAITING_STATES
from mission_control.operate.simulation.forecast import Estimate, forecast, forecast_occurrence
from mission_control.operate.simulation.present import Present
from mission_control.operate.simulation.scenario import Scenario
from mission_control.registry.registry import Registry

_AHEAD: Final = timedelta(hours=2)
_MOST_TASKS: Final = 500
"""How many tasks that are due until then are looked at, the soonest first."""


@dataclass(frozen=True)
class Eta:
    """Forecasts of an installation. Reads what the forecast needs, and nothing if no run waits."""

    present: Present
    registry: Registry

    def of_runs(self, runs: Iterable[RunRecord], now: datetime) -> dict[str, Estimate | None]:
        """Return when those of some runs that wait are expected to start, by their ids; None if not known."""
        wanted = [run.execution_id for run in runs if run.state in WAITING_STATES]
        return forecast(self._scenario((), now, now + _AHEAD), wanted) if wanted else {}

    def of_occurrences(
        self, task: TaskDefinition, due: Mapping[datetime, datetime], now: datetime
    ) -> dict[datetime, Estimate | None]:
        """Return when occurrences of a task are expected to start, each of which is due at a time."""
        scenario = self._scenario([task.id], now, max([*due.values(), now + _AHEAD]))
        return {one: forecast_occurrence(scenario, task, one, at) for one, at in due.items()}

    def _scenario(self, wanted: Collection[str], now: datetime, until: datetime) -> Scenario:
        """Return the scenario of the tasks that are due until then, and of those of active runs."""
        keys = self.present.redbeat_keys
        span: dict[str, Any] = {"byscore": True, "offset": 0, "num": _MOST_TASKS}
        found: Any = self.present.client.zrange(keys.schedule, "-inf", until.timestamp(), **span)
        due = {name.removeprefix(keys.entry("")) for name in found}
        active = list(self.present.ledger.all_active())
        ids = {*due, *wanted, *(run.task_id for run in active)}
        return self.present.scenario(self.registry.some(ids), now, active=active)
