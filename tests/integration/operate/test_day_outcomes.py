"""The days of the calendar, from hourly figures and, where these cannot tell, from the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from mission_control.model.figures.rollup import KEPT
from mission_control.model.runs.run_state import RunState
from mission_control.operate import day_outcomes as module
from mission_control.operate.day_outcomes import DayOutcomes, day_outcomes
from mission_control.store import redis_keys
from tests.samples.ledger_runs import a_run
from tests.stage.seeded_history import enter

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

SECOND, THIRD = date(2026, 3, 2), date(2026, 3, 3)
NOW = datetime(2026, 3, 4, tzinfo=UTC)


def ended(installation: Installation, *ends: datetime) -> None:
    """Enter runs that ended, the first of them a failure."""
    states = [RunState.FAILURE, *[RunState.SUCCESS] * (len(ends) - 1)]
    a = [a_run(f"a@{number}", state=state, revision=1) for number, state in enumerate(states)]
    enter(
        installation.client,
        [replace(one, finished_at=at, scheduled_time=at) for one, at in zip(a, ends, strict=True)],
    )


def march(
    installation: Installation, zone: str = "UTC", *, now: datetime = NOW, task_id: str | None = None
) -> DayOutcomes:
    since, until = (datetime(2026, month, 1, tzinfo=ZoneInfo(zone)) for month in (3, 4))
    return day_outcomes(installation.client, installation.ledger, since, until, now=now, task_id=task_id)


@pytest.mark.parametrize("task_id", [None, "a"])
def test_days_count_runs_that_the_ledger_has_not_any_more(
    installation: Installation, task_id: str | None
) -> None:
    ended(installation, *(datetime(2026, 3, 2, hour, 30, tzinfo=UTC) for hour in range(24)))
    installation.client.delete(redis_keys.FINISHED_RUNS, redis_keys.task_runs("a"))
    found = march(installation, task_id=task_id)
    assert (found.days, found.known_from) == ({SECOND: {"failure": 1, "success": 23}}, None)
    assert found.worst(SECOND) == "failure"


def test_hour_that_two_days_share_is_counted_run_by_run(installation: Installation) -> None:
    begin = datetime(2026, 3, 2, 18, tzinfo=UTC)  # midnight in Kolkata is at half past
    ended(installation, *(begin + timedelta(minutes=one) for one in (-1, 10, 29, 30, 50, 61)))
    assert march(installation, "Asia/Kolkata").days == {
        SECOND: {"failure": 1, "success": 2},
        THIRD: {"success": 3},
    }


def test_days_before_the_figures_are_counted_in_the_ledger_the_latest_first(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = [datetime(2026, 3, day, 12, tzinfo=UTC) for day in (2, 3, 3)]
    ended(installation, *ends)
    installation.client.delete(*installation.client.keys(redis_keys.rollup("*")))
    later = NOW + KEPT
    found = march(installation, now=later)
    assert (found.days, found.known_from) == ({SECOND: {"failure": 1}, THIRD: {"success": 2}}, None)
    monkeypatch.setattr(module, "MOST_COUNTED", 2)
    found = march(installation, now=later)
    assert (found.days, found.known_from) == ({THIRD: {"success": 2}}, THIRD)
