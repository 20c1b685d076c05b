"""The story's integration tests: a real server, a real beat, a real worker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mission_control import TaskScheduler, get_task
from tests.stage.audit_stream import final_records_of, records_of
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation


def daily_in(seconds: float, **changes: Any) -> dict[str, Any]:
    """A daily task whose next occurrence is so many seconds ahead."""
    due = datetime.now(UTC) + timedelta(seconds=seconds)
    return {
        "schedule": {"type": "daily", "time": due.strftime("%H:%M:%S")},
        "handler": "handlers.test_handler.run",
        **changes,
    }


def test_end_to_end_daily_task(installation: Installation) -> None:
    with TaskScheduler() as scheduler:
        scheduler.register_task(daily_in(4, id="daily"))
        wait_until(lambda: final_records_of(installation, "daily"), "the daily task has run", timeout=30)

    (record,) = records_of(installation, "daily")
    assert record["status"] == "success"
    assert record["trigger"] == "schedule"
    assert record["lateness_ms"] >= 0
    assert record["execution_id"] == "daily@" + record["scheduled_time"].replace("-", "").replace(":", "")
    task = get_task("daily")
    assert task is not None
    assert task["execution_history"]["success_count"] == 1
    tomorrow = datetime.fromisoformat(record["scheduled_time"]) + timedelta(days=1)
    assert datetime.fromisoformat(str(task["execution_history"]["next_run"])) == tomorrow


def test_end_to_end_with_failure_and_retry(installation: Installation) -> None:
    policy = {"max_retries": 3, "retry_delay_seconds": 1}
    with TaskScheduler() as scheduler:
        scheduler.register_task(daily_in(4, id="flaky", params={"fail_times": 1}, retry_policy=policy))
        wait_until(lambda: final_records_of(installation, "flaky"), "the retry has run", timeout=30)

    first, second = sorted(records_of(installation, "flaky"), key=lambda record: int(record["attempt"]))
    assert (first["status"], first["attempt"], first["final"]) == ("retry", 1, False)
    assert (second["status"], second["attempt"], second["final"]) == ("success", 2, True)
    between = datetime.fromisoformat(second["started_at"]) - datetime.fromisoformat(first["timestamp"])
    assert between >= timedelta(seconds=1)
    task = get_task("flaky")
    assert task is not None
    assert task["execution_history"]["total_runs"] == 1
