"""Retries as the policy says, and counters that agree with the records."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.dispatch.enqueue import Dispatch

if TYPE_CHECKING:
    from tests.stage.live_installation import LiveInstallation


def statuses(records: list[dict[str, Any]]) -> list[tuple[str, int, bool]]:
    return [(one["status"], one["attempt"], one["final"]) for one in records]


@pytest.mark.parametrize(
    ("task_id", "policy", "delays"),
    [
        ("none", {"max_retries": 0, "retry_delay_seconds": 0}, []),
        ("fixed", {"max_retries": 3, "retry_delay_seconds": 0.3}, [0.3, 0.3, 0.3]),
        (
            "doubled",
            {
                "max_retries": 3,
                "retry_delay_seconds": 0.2,
                "backoff": "exponential",
                "max_delay_seconds": 0.5,
            },
            [0.2, 0.4, 0.5],
        ),
    ],
)
def test_failing_task_is_retried_by_its_policy(
    live: LiveInstallation, task_id: str, policy: dict[str, Any], delays: list[float]
) -> None:
    live.task(f"retried_{task_id}", params={"fail": True}, retry_policy=policy)
    record = live.ended(live.run(f"retried_{task_id}"))
    records = live.records(record)
    assert statuses(records) == [
        *[("retry", attempt, False) for attempt in range(1, len(delays) + 1)],
        ("failure", len(delays) + 1, True),
    ]
    for before, after, delay in zip(records, records[1:], delays, strict=False):
        ended, begun = (
            datetime.fromisoformat(before["timestamp"]),
            datetime.fromisoformat(after["started_at"]),
        )
        assert begun - ended >= timedelta(seconds=delay) - timedelta(milliseconds=1)


def test_many_mixed_runs_agree_in_history_ledger_and_audit(live: LiveInstallation) -> None:
    policy = {"max_retries": 2, "retry_delay_seconds": 0}
    live.task("mixed", retry_policy=policy, timeout_seconds=30)
    params: list[dict[str, Any]] = [
        {},
        {"fail": True},
        {"fail_times": 1},
        {"fail": "raise", "fail_times": 2},
        {"fail": "raise"},
    ] * 6
    runs = [Dispatch.of(live.installation).enqueue("mixed", one) for one in params]
    records = [live.ended(run, timeout=40) for run in runs]

    assert [record.attempt for record in records] == [1, 3, 2, 3, 3] * 6
    for record in records:
        audited = live.records(record)
        assert [one["attempt"] for one in audited] == list(range(1, record.attempt + 1))
        assert [one["final"] for one in audited] == [False] * (record.attempt - 1) + [True]
        assert audited[-1]["status"] == record.state
    finals = [live.final_records(record)[0]["status"] for record in records]
    shown = live.installation.registry.get("mixed")
    assert shown is not None
    history = shown["execution_history"]
    assert history["total_runs"] == len(records)
    assert history["success_count"] == finals.count("success") == 18
    assert history["failure_count"] == finals.count("failure") == 12
