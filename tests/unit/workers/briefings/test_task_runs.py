from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from workers.briefings.task_runs import by_task, reasons

AT = datetime(2025, 10, 16, 7, tzinfo=UTC)


def a_run(state: RunState, task_id: str = "t", **more: Any) -> RunRecord:
    given: dict[str, Any] = {"attempt": 1, "scheduled_time": AT, "dispatched_at": AT, **more}
    return RunRecord(execution_id="e", task_id=task_id, handler="handlers.h.run", state=state, **given)


def test_final_state_belongs_to_exactly_one_group() -> None:
    finals = [state for state in RunState if state.is_final]
    (task,) = by_task([a_run(state) for state in finals])
    grouped = [run.state for group in (task.ran, task.missed, task.skipped, task.cancelled) for run in group]
    assert sorted(grouped) == sorted(finals)
    assert sorted(run.state for run in [*task.succeeded, *task.failed]) == sorted(
        run.state for run in task.ran
    )


def test_reasons_grouped_by_first_line_most_frequent_first() -> None:
    runs = [
        a_run(RunState.FAILURE, error="once"),
        a_run(RunState.FAILURE, error="often\n at 0x1"),
        a_run(RunState.FAILURE, error="often\n at 0x2"),
        a_run(RunState.TIMED_OUT),
        a_run(RunState.MISSED, reason="too_late"),
    ]
    assert reasons(runs) == [("often", 2), ("once", 1), ("timed out", 1), ("too_late", 1)]


def test_runs_that_one_budget_stopped_have_one_reason_though_the_amounts_differ() -> None:
    cause = {"class": "budget", "layer": "team:x"}
    runs = [a_run(RunState.SKIPPED, cause=cause, reason=f"over budget team:x: {at} of 5") for at in (4, 5)]
    assert reasons(runs) == [("over budget team:x", 2)]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("params: 1 problem\n  params.city: missing", "params: 1 problem: params.city: missing"),
        ("params: 2 problems\n  a: x\n\n  b: y", "params: 2 problems: a: x; b: y"),
        (
            "ValidationError: 1 validation error for Order\nprice\n  Input should be a number",
            "ValidationError: 1 validation error for Order: price; Input should be a number",
        ),
        ("RuntimeError: these hosts failed:\n  db1", "RuntimeError: these hosts failed: db1"),
        ("3 problems", "3 problems"),
        ("OSError: no space left\nmore", "OSError: no space left"),
    ],
)
def test_error_that_only_counts_problems_names_them(error: str, reason: str) -> None:
    assert reasons([a_run(RunState.FAILURE, error=error)]) == [(reason, 1)]


def test_failure_without_later_success_stands() -> None:
    failed, succeeded = a_run(RunState.FAILURE), a_run(RunState.SUCCESS)
    (stands,) = by_task([succeeded, failed])
    (resolved,) = by_task([failed, succeeded])
    assert stands.success_after_last_failure is None
    assert resolved.success_after_last_failure is succeeded


def test_lateness_counts_first_attempts_only_and_is_never_negative() -> None:
    starts = [(2, 1), (600, 3), (-1, 1)]
    runs = [
        a_run(RunState.SUCCESS, started_at=AT + timedelta(seconds=seconds), attempt=attempt)
        for seconds, attempt in starts
    ]
    (task,) = by_task(runs)
    assert task.latenesses_ms == [2_000, 0]
    assert task.retries == 2


def test_tasks_are_sorted_by_id() -> None:
    assert [one.task_id for one in by_task([a_run(RunState.SUCCESS, "b"), a_run(RunState.SUCCESS, "a")])] == [
        "a",
        "b",
    ]
