from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from mission_control.audit.record.records import ChangeRecord, ExecutionRecord

DUE = datetime(2025, 10, 16, 9, tzinfo=UTC)
STORY_FIELDS = ["timestamp", "task_id", "status", "duration_ms", "output", "error"]
OUR_FIELDS = [
    "execution_id",
    "scheduled_time",
    "attempt",
    "final",
    "trigger",
    "handler",
    "started_at",
    "lateness_ms",
    "worker",
    "reason",
    "revision",
]


def a_success() -> ExecutionRecord:
    return ExecutionRecord(
        timestamp=DUE + timedelta(milliseconds=249, microseconds=7),
        task_id="daily_briefing_9am",
        status="success",
        duration_ms=234,
        output="Briefing generated successfully",
        execution_id="daily_briefing_9am@20251016T090000Z",
        scheduled_time=DUE,
        attempt=1,
        trigger="schedule",
        handler="handlers.daily_briefing.run",
        started_at=DUE + timedelta(milliseconds=15),
        worker="celery@host",
        revision=3,
    )


def test_record_fields_are_the_six_of_the_original_log_then_ours_in_order() -> None:
    assert list(a_success().to_dict()) == STORY_FIELDS + OUR_FIELDS


def test_record_holds_its_given_values_with_instants_as_text() -> None:
    assert a_success().to_dict() == {
        "timestamp": "2025-10-16T09:00:00.249Z",
        "task_id": "daily_briefing_9am",
        "status": "success",
        "duration_ms": 234,
        "output": "Briefing generated successfully",
        "error": None,
        "execution_id": "daily_briefing_9am@20251016T090000Z",
        "scheduled_time": "2025-10-16T09:00:00Z",
        "attempt": 1,
        "final": True,
        "trigger": "schedule",
        "handler": "handlers.daily_briefing.run",
        "started_at": "2025-10-16T09:00:00.015Z",
        "lateness_ms": 15,
        "worker": "celery@host",
        "reason": None,
        "revision": 3,
    }


def test_instants_of_other_zones_are_kept_in_utc() -> None:
    berlin_summer = timezone(timedelta(hours=2))
    record = ExecutionRecord(
        timestamp=DUE.astimezone(berlin_summer), task_id="t", status="missed", reason="beat was down"
    )

    assert record.to_dict()["timestamp"] == "2025-10-16T09:00:00Z"


def test_run_that_never_started_has_no_lateness() -> None:
    record = ExecutionRecord(timestamp=DUE, task_id="t", status="skipped", scheduled_time=DUE)

    assert record.to_dict()["lateness_ms"] is None


def test_time_without_a_zone_is_refused() -> None:
    record = ExecutionRecord(timestamp=datetime(2025, 10, 16), task_id="t", status="success")  # noqa: DTZ001

    with pytest.raises(ValueError, match="zone"):
        record.to_dict()


def test_secret_in_a_reason_is_masked() -> None:
    record = ExecutionRecord(
        timestamp=DUE, task_id="t", status="rejected", reason="bad url redis://:pass1@h/0"
    )

    assert record.to_dict()["reason"] == "bad url redis://:***@h/0"


def test_change_record_holds_actor_change_reason_and_difference() -> None:
    record = ChangeRecord(
        timestamp=DUE,
        task_id="t",
        change="updated",
        actor="api",
        reason="summer hours",
        revision=2,
        diff={"schedule.time": {"from": "09:00", "to": "08:00"}},
    )

    assert record.to_dict() == {
        "timestamp": "2025-10-16T09:00:00Z",
        "task_id": "t",
        "change": "updated",
        "actor": "api",
        "reason": "summer hours",
        "revision": 2,
        "diff": {"schedule.time": {"from": "09:00", "to": "08:00"}},
    }
