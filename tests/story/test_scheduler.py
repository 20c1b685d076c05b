"""The story's tests of the scheduler, under the story's names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import time_machine

from mission_control import TaskScheduler, disable_task, get_task
from tests.stage.audit_stream import records_of

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation


def nine_o_clock(**changes: Any) -> dict[str, Any]:
    return {
        "id": "nine",
        "schedule": {"type": "daily", "time": "09:00"},
        "handler": "handlers.test_handler.run",
        **changes,
    }


def test_scheduler_loads_tasks(installation: Installation) -> None:
    file = installation.settings.default_tasks_file
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"tasks": [nine_o_clock()]}), "utf-8")

    loaded = TaskScheduler().load_tasks()

    assert [task["id"] for task in loaded] == ["nine"]
    assert get_task("nine") is not None


def test_scheduler_executes_task_at_time() -> None:
    scheduler = TaskScheduler()
    with time_machine.travel("2026-03-02T08:59:59Z", tick=False) as clock:
        scheduler.register_task(nine_o_clock())
        assert scheduler.run_once() == []

        clock.shift(1)
        results = scheduler.run_once()
        assert [result["execution_id"] for result in results] == ["nine@20260302T090000Z"]
        assert results[0]["status"] == "success"

        assert scheduler.run_once() == []


def test_scheduler_logs_execution(installation: Installation) -> None:
    scheduler = TaskScheduler()
    with time_machine.travel("2026-03-02T08:59:59Z", tick=False) as clock:
        scheduler.register_task(nine_o_clock())
        clock.shift(1.25)
        scheduler.run_once()

    lines = installation.settings.task_execution_log.read_text("utf-8").splitlines()
    record = json.loads(lines[0])
    assert len(lines) == 1
    assert list(record)[:6] == ["timestamp", "task_id", "status", "duration_ms", "output", "error"]
    assert record["timestamp"] == "2026-03-02T09:00:00.250Z"
    assert record["status"] == "success"
    assert record["error"] is None
    assert record["lateness_ms"] == 250


def test_scheduler_retries_failed_task(installation: Installation) -> None:
    scheduler = TaskScheduler()
    with time_machine.travel("2026-03-02T08:59:59Z", tick=False) as clock:
        policy = {"max_retries": 2, "retry_delay_seconds": 0}
        scheduler.register_task(nine_o_clock(params={"fail": True}, retry_policy=policy))
        clock.shift(1)
        results = scheduler.run_once()

    assert results[0]["status"] == "failure"
    records = records_of(installation, "nine")
    assert [(record["status"], record["attempt"], record["final"]) for record in records] == [
        ("retry", 1, False),
        ("retry", 2, False),
        ("failure", 3, True),
    ]


def test_scheduler_respects_enabled_flag() -> None:
    scheduler = TaskScheduler()
    with time_machine.travel("2026-03-02T08:59:59Z", tick=False) as clock:
        scheduler.register_task(nine_o_clock())
        disable_task("nine")
        clock.shift(3_600)
        assert scheduler.run_once() == []


def test_execute_task_immediately() -> None:
    scheduler = TaskScheduler()
    scheduler.register_task(nine_o_clock(params={"output": "done by hand"}))

    result = scheduler.execute_task("nine")

    assert result["status"] == "success"
    assert result["output"] == "done by hand"
    assert result["execution_id"].startswith("nine@manual-")
    task = get_task("nine")
    assert task is not None
    assert task["execution_history"]["total_runs"] == 1
