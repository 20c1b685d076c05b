"""Overlap policies with a real beat and real workers, of which one is killed in the middle of its runs."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from mission_control.model.runs.run_state import RunState
from tests.processes.beats import leading_beat
from tests.processes.real_workers import WorkerHouse, worker_house
from tests.stage.audit_stream import records_of
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from mission_control.model.runs.run_record import RunRecord

pytestmark = pytest.mark.starts_early

POLICIES = ("skip", "queue", "replace")


def register(house: WorkerHouse, policy: str) -> None:
    """Register a task that is due every second and whose runs end when they are let go."""
    task = {
        "id": policy,
        "overlap": policy,
        "schedule": {"type": "interval", "seconds": 1},
        "handler": "handlers.gated.run",
        "params": {"gate": str(house.gate(policy))},
    }
    assert house.installation.registry.register(task)


def runs_of(house: WorkerHouse, policy: str) -> list[RunRecord]:
    runs = house.installation.ledger.runs_of(policy, limit=1_000)
    return sorted(runs, key=lambda run: run.scheduled_time)


def in_the_way(house: WorkerHouse, policy: str) -> str | None:
    """Return the first run once a later one meets it; None before."""
    runs = runs_of(house, policy)
    meets = any(run.state is RunState.SKIPPED or run.waits_for is not None for run in runs[1:])
    return runs[0].execution_id if meets and house.runs_of(policy) > 0 else None


def test_runs_of_a_task_never_overlap_though_the_worker_of_one_is_killed() -> None:
    with worker_house() as house, leading_beat(house.installation):
        with house.worker("first", concurrency=3) as first:
            for policy in POLICIES:
                register(house, policy)
            for policy in ("skip", "queue"):
                wait_until(lambda: in_the_way(house, policy), f"{policy} is in the way", timeout=30)  # noqa: B023
            replaced = runs_of(house, "replace")[0].execution_id
            wait_until(lambda: ends_cancelled(house, replaced), "the run is replaced", timeout=60)
            held = {policy: in_the_way(house, policy) for policy in ("skip", "queue")}
            first.kill()
        with house.worker("second", concurrency=3):
            wait_until(lambda: min(map(house.runs_of, held)) > 1, "both runs are begun again", timeout=60)
            for policy in POLICIES:
                house.gate(policy).touch()
            for policy in POLICIES:
                wait_until(lambda: successes(house, policy) >= 3, f"{policy} goes on", timeout=60)  # noqa: B023
        check_records(house, held)


def ends_cancelled(house: WorkerHouse, execution_id: str) -> bool:
    run = house.installation.ledger.get(execution_id)
    return run is not None and run.state is RunState.CANCELLED


def successes(house: WorkerHouse, policy: str) -> int:
    return sum(run.state is RunState.SUCCESS for run in runs_of(house, policy))


def check_records(house: WorkerHouse, held: dict[str, str | None]) -> None:
    """Check that each run ended once, began after the one before had ended, and why others did not run."""
    for policy in POLICIES:
        records = records_of(house.installation, policy)
        ended = [one for one in records if one["final"]]
        assert len({one["execution_id"] for one in ended}) == len(ended)
        ran = sorted(
            (one for one in ended if one["started_at"] is not None), key=lambda one: one["started_at"]
        )
        assert all(before["timestamp"] <= after["started_at"] for before, after in pairwise(ran)), policy
        statuses = {one["status"] for one in ended}
        assert statuses <= {"success", "skipped", "cancelled"}
        if policy in held:
            skipped = [one for one in ended if one["status"] == "skipped"]
            assert {"class": "overlap", "run": held[policy]} in [one["cause"] for one in skipped]
            assert "success" in [one["status"] for one in ended if one["execution_id"] == held[policy]]
        else:
            cancelled = [one["reason"] for one in ended if one["status"] == "cancelled"]
            assert cancelled
            assert all("replaces it" in reason for reason in cancelled)
