"""How late a run began, by stage, and which endings count."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mission_control.audit.endings import ending_record
from mission_control.model.definitions.task import parse_task
from mission_control.model.figures.run_totals import counted
from mission_control.model.runs.lags import lags, lags_to_count
from mission_control.model.runs.new_run import Origin, occurrence_spec
from mission_control.model.runs.run_record import RunRecord, Trigger, json_text
from mission_control.model.runs.run_state import RunState
from tests.samples.ledger_runs import NOW, a_run

SECOND = timedelta(seconds=1)


def ended(state: RunState = RunState.SUCCESS, **changes: Any) -> RunRecord:
    """Return a run that was due at NOW, fired 2 s later, and began after another 3 s."""
    times = {"dispatched_at": NOW + 2 * SECOND, "started_at": NOW + 5 * SECOND}
    return a_run(state=state, **{"attempt": 1, **times, **changes})


@pytest.mark.parametrize(
    ("run", "expected"),
    {
        "fired by beat": (ended(), {"beat": 2_000, "queue": 3_000, "start": 5_000}),
        "parked": (
            ended(released_at=NOW + 4 * SECOND),
            {"beat": 2_000, "queue": 1_000, "start": 5_000},
        ),
        "requested": (
            ended(trigger=Trigger.MANUAL, scheduled_time=NOW + 2 * SECOND),
            {"queue": 3_000, "start": 3_000},
        ),
        "requested for later": (
            ended(trigger=Trigger.MANUAL, scheduled_time=NOW + 4 * SECOND),
            {"queue": 1_000, "start": 1_000},
        ),
        "moved": (ended(moved_to=NOW + 2 * SECOND), {"beat": 0, "queue": 3_000, "start": 3_000}),
        "clock stepped back": (
            ended(dispatched_at=NOW - SECOND, started_at=NOW - 2 * SECOND),
            {"beat": 0, "queue": 0, "start": 0},
        ),
        "spread": (ended(spread_seconds=1.5), {"beat": 500, "queue": 3_000, "start": 3_500}),
        "backfill": (ended(trigger=Trigger.BACKFILL, backfill="b"), {}),
        "after a backfill": (ended(trigger=Trigger.AFTER, backfill="b"), {}),
        "plain message": (ended(trigger=Trigger.PLAIN), {}),
        "expired": (ended(RunState.EXPIRED, attempt=0, started_at=None), {}),
    }.values(),
)
def test_lags_of_a_run(run: RunRecord, expected: dict[str, int]) -> None:
    assert lags_to_count(run) == expected
    assert ending_record(run, at=NOW).to_dict().get("lags_ms", {}) == expected


def test_each_run_counts_once_with_its_first_attempt() -> None:
    retry_at = NOW + 9 * SECOND
    lives = {
        "lost twice": [ended(RunState.RUNNING), ended(RunState.INTERRUPTED), ended(RunState.LOST)],
        "retried": [ended(RunState.RETRYING, retry_at=retry_at), ended(RunState.FAILURE, attempt=2)],
        "cancelled before its retry": [
            ended(RunState.RETRYING, retry_at=retry_at),
            ended(RunState.CANCELLED, retry_at=retry_at),
        ],
    }
    for name, endings in lives.items():
        totals = [counted(ending_record(run, at=NOW).to_dict()) for run in endings]
        assert sum(one["lag_start:5"] for one in totals) == 1, name


def test_spread_of_an_occurrence_is_no_lag_and_follows_its_task() -> None:
    schedule = {"type": "daily", "time": "09:00", "timezone": "UTC", "spread_seconds": 600}
    task = parse_task({"id": "any", "schedule": schedule, "handler": "handlers.hello.run"})
    specs = [occurrence_spec(task, name, NOW, params="{}", revision=1, now=NOW) for name in ("tea", "milk")]
    fired = ended(dispatched_at=NOW + 600 * SECOND, started_at=NOW + 600 * SECOND)
    tea, milk = (RunRecord.from_hash({**fired.changing(), "spec": json_text(spec)}) for spec in specs)
    assert tea.spread_seconds != milk.spread_seconds
    for run in (tea, milk):
        late = lags(run)
        assert late.spread + late.fired == 600 * SECOND
        assert late.start == late.fired < 600 * SECOND
    assert "spread_seconds" not in Origin("tea@1", ["tea@1"]).applied(specs[0])
    assert lags(replace(tea, spread_seconds=None)).fired == 600 * SECOND
