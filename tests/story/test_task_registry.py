"""The story's tests of the task registry, under the story's names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.errors import InvalidTaskError
from mission_control.task_registry import (
    disable_task,
    enable_task,
    get_task,
    list_tasks,
    register_task,
    unregister_task,
    update_task,
)

if TYPE_CHECKING:
    from pathlib import Path


def briefing(**changes: Any) -> dict[str, Any]:
    return {
        "id": "daily_briefing_9am",
        "name": "Daily Briefing",
        "schedule": {"type": "daily", "time": "09:00"},
        "handler": "handlers.daily_briefing.run",
        "enabled": True,
        **changes,
    }


def test_register_task_success() -> None:
    assert register_task(briefing()) is True

    task = get_task("daily_briefing_9am")
    assert task is not None
    assert task["name"] == "Daily Briefing"
    assert task["metadata"]["revision"] == 1
    assert str(task["execution_history"]["next_run"]).endswith("T09:00:00Z")


def test_register_task_duplicate_fails() -> None:
    register_task(briefing())

    assert register_task(briefing(name="Another")) is False

    task = get_task("daily_briefing_9am")
    assert task is not None
    assert task["name"] == "Daily Briefing"


def test_register_task_invalid_schema_fails() -> None:
    with pytest.raises(InvalidTaskError) as failure:
        register_task(briefing(schedule={"type": "daily", "time": "25:00"}, colour="blue"))

    problems = {problem.path: problem.message for problem in failure.value.problems}
    assert problems.keys() == {"schedule.time", "colour"}
    assert "'25:00'" in problems["schedule.time"]
    assert get_task("daily_briefing_9am") is None


def test_unregister_task_success() -> None:
    register_task(briefing())

    assert unregister_task("daily_briefing_9am") is True

    assert get_task("daily_briefing_9am") is None
    assert unregister_task("daily_briefing_9am") is False


def test_get_task_exists() -> None:
    register_task(briefing(description="Generate morning briefing for user"))

    task = get_task("daily_briefing_9am")

    assert task is not None
    assert task["description"] == "Generate morning briefing for user"
    assert task["schedule"]["time"] == "09:00"


def test_get_task_not_found() -> None:
    assert get_task("unknown") is None


def test_list_tasks_filters_enabled() -> None:
    register_task(briefing(id="on"))
    register_task(briefing(id="off", enabled=False))

    assert [task["id"] for task in list_tasks()] == ["on"]
    assert [task["id"] for task in list_tasks(enabled_only=False)] == ["off", "on"]


def test_update_task_success() -> None:
    register_task(briefing())

    assert update_task("daily_briefing_9am", {"schedule": {"type": "interval", "minutes": 30}}) is True

    task = get_task("daily_briefing_9am")
    assert task is not None
    assert task["schedule"]["minutes"] == 30
    assert "time" not in task["schedule"]
    assert task["metadata"]["revision"] == 2
    assert update_task("unknown", {"name": "x"}) is False


def test_enable_disable_task() -> None:
    register_task(briefing())

    assert disable_task("daily_briefing_9am") is True
    disabled = get_task("daily_briefing_9am")
    assert disabled is not None
    assert disabled["enabled"] is False
    assert disabled["execution_history"]["next_run"] is None

    assert enable_task("daily_briefing_9am") is True
    enabled = get_task("daily_briefing_9am")
    assert enabled is not None
    assert enabled["enabled"] is True
    assert enabled["execution_history"]["next_run"] is not None
    assert enable_task("unknown") is False


def test_tasks_persist_to_file(bare_environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "data" / "tasks" / "scheduled_tasks.json"
    bare_environment.setenv("MISSION_CONTROL_TASKS_FILE", str(file))

    register_task(briefing())
    register_task(briefing(id="other"))
    unregister_task("other")

    tasks = json.loads(file.read_text("utf-8"))["tasks"]
    assert [task["id"] for task in tasks] == ["daily_briefing_9am"]
    assert file.stat().st_mode & 0o777 == 0o600
