"""Figures of many runs: what they count, how exact they are, and where they change."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from mission_control.model.figures.change_points import ChangePoint, change_points
from mission_control.model.figures.rollup import OTHER, RollUp, bucket_of, percentile, value_of
from mission_control.model.figures.run_totals import counted


def record(status: str = "success", **fields: Any) -> dict[str, Any]:
    return {"task_id": "tea", "status": status, "final": True, "error": None, **fields}


def rolled_up(*records: dict[str, Any]) -> RollUp:
    found = RollUp()
    for one in records:
        found.add_record(one)
    return found


def test_outcomes_are_counted_with_their_cause() -> None:
    found = rolled_up(
        record(duration_ms=200, lateness_ms=5),
        record("retry", final=False, error="x"),
        record("failure", error="ConnectError: try 3 of 5"),
        record("failure", error="ConnectError: try 4 of 5"),
        record("skipped", cause={"class": "overlap", "run": "tea@1"}),
    )
    assert found.outcomes == {
        ("success", ""): 1,
        ("failure", "ConnectError: try # of #"): 2,
        ("skipped", "overlap"): 1,
    }
    assert (found.runs, found.failures, found.retries, found.success_rate) == (4, 2, 1, 1 / 3)
    assert RollUp.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_causes_are_bounded() -> None:
    found = rolled_up(
        *(record("failure", error=f"word{chr(97 + n // 26)}{chr(97 + n % 26)}") for n in range(300))
    )
    assert len(found.outcomes) == 21
    assert found.outcomes["failure", OTHER] == 280
    assert RollUp.together([found, found]).runs == 600


@given(some.lists(some.integers(1, 10**8), min_size=1, max_size=50), some.sampled_from([0.5, 0.95, 0.99]))
def test_percentile_is_within_5_percent(values: list[int], share: float) -> None:
    exact = sorted(values)[-int(-len(values) * share // 1) - 1]
    found = percentile(Counter(map(bucket_of, values)), share)
    assert found is not None
    assert abs(found - exact) <= 0.05 * exact + 1


def test_value_of_a_bucket_lies_in_it() -> None:
    assert all(bucket_of(value_of(bucket)) == bucket for bucket in range(40, 250))
    assert percentile(Counter(), 0.5) is None


def hours(*stretches: tuple[int, int, float, int]) -> list[tuple[int, dict[int, RollUp]]]:
    """Return hours of ten runs each: how many, of which revision, the share that succeeds, their ms."""
    found: list[tuple[int, dict[int, RollUp]]] = []
    for count, revision, share, ms in stretches:
        for _ in range(count):
            wins = round(10 * share)
            one = rolled_up(
                *(record(duration_ms=ms + n) for n in range(wins)),
                *(record("failure", error="x", duration_ms=ms + n) for n in range(10 - wins)),
            )
            found.append((480_000 + len(found), {revision: one}))
    return found


def test_change_is_tied_to_the_revision_that_brought_it() -> None:
    assert change_points(hours((24, 3, 0.9, 1_000), (24, 4, 0.5, 1_000))) == [
        ChangePoint(480_024, "success_rate", 0.9, 0.5, 4)
    ]
    slower, faster = change_points(hours((24, 1, 1, 1_000), (12, 2, 1, 4_000), (24, 2, 1, 500)))
    assert (slower.hour, slower.what, slower.revision) == (480_024, "duration_ms", 2)
    assert (faster.hour, faster.revision) == (480_036, None)
    assert slower.before < 1_100
    assert faster.after < 600


def test_steady_figures_and_few_runs_have_no_change() -> None:
    assert change_points(hours((48, 1, 0.9, 1_000))) == []
    assert change_points([]) == []
    assert change_points(hours((1, 1, 1, 100))) == []


def test_totals_have_only_known_labels() -> None:
    assert counted(record("skipped", cause={"class": "x" * 99})) == {"ended:skipped:": 1}
    assert counted(record("missed", cause={"class": "misfire"})) == {"ended:missed:misfire": 1}
    late = counted(record(duration_ms=10**9, lags_ms={"beat": 5_000, "queue": 5_001, "tea": 1, "start": "x"}))
    assert late == {
        "ended:success:": 1,
        "duration:+Inf": 1,
        "duration:sum": 10**9,
        "lag_beat:5": 1,
        "lag_beat:sum": 5_000,
        "lag_queue:15": 1,
        "lag_queue:sum": 5_001,
    }
    assert counted(record(lags_ms=[3])) == {"ended:success:": 1}
    retried = counted(record("retry", final=False, duration_ms=9, lags_ms={"start": 0}))
    assert retried == {"retries": 1, "lag_start:0.1": 1, "lag_start:sum": 0}
    assert counted({"status": "worker_lost", "final": False}) == {}
