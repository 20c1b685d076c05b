"""Estimates for pages come at once or later, one forecast at a time, and are good for a while."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Event
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from mission_control.model.runs.run_record import RunRecord
from mission_control.operate.simulation import recent_estimates
from mission_control.operate.simulation.recent_estimates import RecentEstimates
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    import pytest

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RUNS = [
    RunRecord(execution_id=f"tea@{at}", task_id="tea", handler="h", scheduled_time=NOW, dispatched_at=NOW)
    for at in range(2)
]


class Forecaster:
    """Counts what it is asked, and answers once it may."""

    def __init__(self) -> None:
        self.asked, self.may = list[list[str]](), Event()

    def of_runs(self, runs: list[RunRecord], _now: datetime) -> dict[str, Any]:
        self.asked.append([run.execution_id for run in runs])
        assert self.may.wait(60)
        return dict.fromkeys(self.asked[-1])


def test_page_does_not_wait_for_a_long_forecast_and_no_second_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, eta, kept = [0.0], Forecaster(), RecentEstimates()
    monkeypatch.setattr(recent_estimates, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    clock[0] = 1.0
    given: Any = eta
    assert [kept.of_runs(given, RUNS, NOW) for _ in range(2)] == [{}, {}]
    clock[0] = 2.0
    eta.may.set()
    wait_until(lambda: not kept._works.locked(), "the forecast is made")
    assert kept.of_runs(given, RUNS, NOW) == dict.fromkeys(eta.asked[0])
    clock[0] = 51.0  # it took a second: the next begins after fifty
    kept.of_runs(given, RUNS, NOW)
    assert len(eta.asked) == 1
    clock[0] = 53.0
    kept.of_runs(given, RUNS, NOW)
    wait_until(lambda: not kept._works.locked(), "the forecast is made")
    kept.of_runs(given, RUNS, NOW)
    assert eta.asked == [["tea@0", "tea@1"]] * 2
