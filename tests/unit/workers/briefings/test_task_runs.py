from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from workers.briefings.task_runs import by_task, median_of, reasons

AT = datetime(2025, 10, 16, 7, tzinfo=UTC)


def a_run(state: RunState, task_id: str = "t", **more: Any) -> RunRecord:
    given: dict[str, Any] = {"attempt": 1, "scheduled_time": AT, "dispatched_at": AT, **more}
    return RunRecord(execution_id="e", task_id=task_id, handler="handlers.h.run", state=state, **given)


def test_every_final_state_is_told_in_exactly_one_way() -> None:
    finals = [state for state in RunState if state.is_final]
    (task,) = by_task([a_run(state) for state in finals])
    told = [run.state for part in (task.ran, task.missed, task.left_out) for run in part]
    assert sorted(told) == sorted(finals)
    assert sorted(run.state for run in [*task.succeeded, *task.failed]) == sorted(
        run.state for run in task.ran
    )


def test_reasons_are_grouped_by_their_first_line_the_most_frequent_first() -> None:
    runs = [
        a_run(RunState.FAILURE, error="once"),
        a_run(RunState.FAILURE, error="often\n at 0x1"),
        a_run(RunState.FAILURE, error="often\n at 0x2"),
        a_run(RunState.TIMED_OUT),
        a_run(RunState.MISSED, reason="too_late"),
    ]
    assert reasons(runs) == [("often", 2), ("once", 1), ("timed out", 1), ("too_late", 1)]


def test_a_failure_stands_until_a_success_comes_after_it() -> None:
    failed, succeeded = a_run(RunState.FAILURE), a_run(RunState.SUCCESS)
    (stands,) = by_task([succeeded, failed])
    (mended,) = by_task([failed, succeeded])
    assert stands.success_after_last_failure is None
    assert mended.success_after_last_failure is succeeded


def test_lateness_is_told_of_first_attempts_only_and_never_below_zero() -> None:
    starts = [(2, 1), (600, 3), (-1, 1)]
    runs = [
        a_run(RunState.SUCCESS, started_at=AT + timedelta(seconds=seconds), attempt=attempt)
        for seconds, attempt in starts
    ]
    (task,) = by_task(runs)
    assert task.latenesses_ms == [2_000, 0]
    assert task.retries == 2
    assert median_of([]) is None


def test_tasks_come_in_the_order_of_their_ids() -> None:
    assert [one.task_id for one in by_task([a_run(RunState.SUCCESS, "b"), a_run(RunState.SUCCESS, "a")])] == [
        "a",
        "b",
    ]
