"""Registering a task again with another definition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mission_control import TaskScheduler, get_task, register_task

if TYPE_CHECKING:
    from mission_control import RegisteredTask
    from mission_control.installation.installation import Installation

pytestmark = pytest.mark.usefixtures("installation")


def a_task(time: str, **fields: Any) -> dict[str, Any]:
    schedule = {"type": "daily", "time": time}
    return {"id": "greet", "schedule": schedule, "handler": "handlers.hello.run", **fields}


def shown() -> RegisteredTask:
    task = get_task("greet")
    assert task is not None
    return task


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    records = [one for one in caplog.records if getattr(one, "event", "") == "definition_kept"]
    return [str(one.__dict__["difference"]) for one in records]


def test_task_registered_again_with_another_definition_stays_and_the_difference_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert register_task(a_task("09:00"))
    assert not register_task(a_task("10:00", params={"name": "Ada"}))
    assert shown()["schedule"]["time"] == "09:00"
    (difference,) = logged(caplog)
    assert "schedule.time: '09:00' registered, '10:00' given" in difference
    assert "params.name: None registered, 'Ada' given" in difference


def test_task_registered_again_in_other_words_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert register_task(a_task("09:00"))
    assert not register_task({**a_task("09:00"), "enabled": True, "priority": 0})
    assert logged(caplog) == []


@pytest.mark.parametrize("face", ["function", "scheduler"])
def test_replaced_task_has_the_new_definition_and_keeps_its_history(
    installation: Installation, face: str
) -> None:
    register = register_task if face == "function" else TaskScheduler().register_task
    assert register(a_task("09:00"), replace=True)
    assert TaskScheduler().execute_task("greet")["status"] == "success"
    before = shown()
    assert register(a_task("10:00", description="later"), replace=True)
    after = shown()
    assert (after["schedule"]["time"], after["description"]) == ("10:00", "later")
    assert after["execution_history"]["next_run"] != before["execution_history"]["next_run"]
    assert after["execution_history"]["total_runs"] == 1
    assert after["metadata"]["revision"] == before["metadata"]["revision"] + 1
    assert after["metadata"]["created"] == before["metadata"]["created"]
    assert register(a_task("10:00", description="later"), replace=True)
    assert shown()["metadata"]["revision"] == 2
    assert len(installation.ledger.runs_of("greet", limit=5)) == 1
