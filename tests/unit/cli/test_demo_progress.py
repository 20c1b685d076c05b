from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mission_control.cli.demo.command import BRIEFING, FLAKY, GREETING, Progress, demo_tasks
from mission_control.model.definitions.task import parse_task

NOW = datetime(2026, 3, 1, 23, 59, 58, tzinfo=UTC)


def record(task_id: str, status: str, **fields: Any) -> dict[str, Any]:
    final = status != "retry"
    return {
        "task_id": task_id,
        "status": status,
        "final": final,
        "output": None,
        "error": None,
        "reason": None,
        **fields,
    }


def test_demo_is_complete_after_two_greetings_a_retry_and_a_briefing() -> None:
    progress = Progress()
    for one in (
        record(GREETING, "success"),
        record(FLAKY, "retry"),
        record(GREETING, "success"),
        record(FLAKY, "success"),
    ):
        progress.records.append(one)
        assert progress.missing
    progress.records.append(record(BRIEFING, "success", output={"path": "briefing.md"}))
    assert progress.missing == []
    assert progress.briefing == "briefing.md"
    assert progress.failures == []


def test_demo_without_a_retry_is_incomplete() -> None:
    progress = Progress([record(FLAKY, "success")])
    assert f"a failed attempt of {FLAKY}" in progress.missing


def test_failed_demo_run_is_reported_with_its_error() -> None:
    progress = Progress([record(BRIEFING, "failure", execution_id="x@1", error="disk full")])
    assert progress.failures == ["x@1 ended failure: disk full"]


def test_demo_tasks_across_midnight_are_valid_and_due_within_seconds() -> None:
    tasks = [parse_task(one) for one in demo_tasks(NOW)]
    dues = [task.schedule.next_after(NOW) for task in tasks]
    assert all(due is not None and (due - NOW).total_seconds() <= 7 for due in dues)
