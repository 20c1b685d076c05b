"""How attempts end that their handler does not end: limits, killed processes, and what follows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.stage.audit_stream import final_records_of
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from tests.stage.live_installation import LiveInstallation


def statuses(records: list[dict[str, Any]]) -> list[tuple[str, int, bool]]:
    return [(one["status"], one["attempt"], one["final"]) for one in records]


def test_attempt_at_the_soft_limit_times_out_and_is_retried(live: LiveInstallation) -> None:
    policy = {"max_retries": 1, "retry_delay_seconds": 0}
    live.task("soft", "handlers.rude.slow", timeout_seconds=0.5, retry_policy=policy)
    record = live.ended(live.run("soft"))
    assert record.state == "timed_out"
    assert statuses(live.records(record)) == [("retry", 1, False), ("timed_out", 2, True)]
    assert [one["reason"] for one in live.records(record)] == ["timed_out", "timed_out"]
    assert "longer than timeout_seconds" in str(record.error)


def test_retry_after_the_soft_limit_can_succeed(live: LiveInstallation) -> None:
    policy = {"max_retries": 1, "retry_delay_seconds": 0}
    live.task("soft_once", "handlers.rude.slow_once", timeout_seconds=0.5, retry_policy=policy)
    record = live.ended(live.run("soft_once"))
    assert statuses(live.records(record)) == [("retry", 1, False), ("success", 2, True)]
    assert (record.output, record.error, record.reason) == (2, None, None)


def test_handler_that_ignores_the_soft_limit_is_killed_recorded_once_and_retried(
    live: LiveInstallation,
) -> None:
    policy = {"max_retries": 1, "retry_delay_seconds": 0}
    live.task("hard", "handlers.rude.swallow_once", timeout_seconds=0.5, retry_policy=policy)
    record = live.ended(live.run("hard"), timeout=40)
    killed, after = live.records(record)
    assert statuses([killed, after]) == [("retry", 1, False), ("success", 2, True)]
    assert (killed["reason"], killed["worker"]) == ("timed_out", after["worker"])
    assert "was killed" in killed["error"]
    assert killed["duration_ms"] >= 10_000


def test_handler_that_kills_its_process_is_lost_and_retried(live: LiveInstallation) -> None:
    policy = {"max_retries": 2, "retry_delay_seconds": 0}
    live.task("suicidal", "handlers.rude.kill", retry_policy=policy)
    record = live.ended(live.run("suicidal"))
    assert statuses(live.records(record)) == [("retry", 1, False), ("retry", 2, False), ("lost", 3, True)]
    assert "process died" in str(record.error)
    assert "SIGKILL" in str(record.error)


def test_retry_after_a_killed_process_can_succeed(live: LiveInstallation) -> None:
    policy = {"max_retries": 1, "retry_delay_seconds": 0}
    live.task("killed_once", "handlers.rude.kill_once", retry_policy=policy)
    record = live.ended(live.run("killed_once"))
    assert record.output == "survived"
    assert [one["reason"] for one in live.records(record)] == ["lost", None]


def test_fixed_delay_after_any_ending_counts_from_the_end(live: LiveInstallation) -> None:
    schedule = {"type": "interval", "seconds": 1, "measure_from": "finish"}
    policy = {"max_retries": 0}
    live.task("after_kill", "handlers.rude.kill", schedule=schedule, retry_policy=policy)
    live.task("after_sleep", schedule=schedule, params={"sleep_seconds": 0.5})
    for task_id, status in (("after_kill", "lost"), ("after_sleep", "success")):
        first, second = two_final_records(live, task_id)
        assert live.installation.registry.disable(task_id)
        assert [first["status"], second["status"]] == [status] * 2
        ended = datetime.fromisoformat(first["timestamp"])
        assert datetime.fromisoformat(second["scheduled_time"]) - ended >= timedelta(seconds=1)


def two_final_records(live: LiveInstallation, task_id: str) -> list[dict[str, Any]]:
    wait_until(
        lambda: len(final_records_of(live.installation, task_id)) >= 2, f"{task_id} has run twice", timeout=20
    )
    return final_records_of(live.installation, task_id)[:2]
