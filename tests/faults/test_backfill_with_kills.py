"""A backfill with a real beat and real workers, whose command, beats and workers are killed meanwhile.

`make chaos` runs the long one: BACKFILL_OCCURRENCES says how many.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from mission_control.model.runs.backfill_plan import BackfillPlan, BackfillState
from mission_control.model.runs.run_record import Trigger
from mission_control.model.values.instants import parse_instant
from tests.processes.beats import leading_beat
from tests.processes.real_workers import WorkerHouse, worker_house
from tests.stage.audit_stream import final_records_of, records_of, verified_runs
from tests.stage.waiting import wait_until

pytestmark = pytest.mark.starts_early

COUNT = int(os.environ.get("BACKFILL_OCCURRENCES", "90"))
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


def test_backfill_goes_on_after_kills_and_delays_no_live_run() -> None:
    """Of four slots it has one, so that no live run waits for more than one of its runs."""
    with worker_house(leader_seconds=3) as house:
        for task_id, schedule in (("old", {"minutes": 1}), ("live", {"seconds": 1})):
            task: dict[str, Any] = {"id": task_id, "handler": "handlers.hello.run", "overlap": "allow"}
            task["enabled"] = task_id == "live"  # a backfill runs all the same
            assert house.installation.registry.register(
                {**task, "schedule": {"type": "interval", **schedule}}
            )
        first, second = (house.worker(name, concurrency=2) for name in ("first", "second"))
        with first, second:
            with leading_beat(house.installation) as beat:
                backfill_id = started_by_a_killed_command(house)
                wait_for(house, backfill_id, COUNT // 6)
                beat.kill()
            with leading_beat(house.installation) as beat:
                wait_for(house, backfill_id, COUNT // 3)
                first.kill()
                wait_for(house, backfill_id, COUNT // 2)
                beat.kill()
            with leading_beat(house.installation), house.worker("third", concurrency=2):
                wait_for(house, backfill_id, COUNT * 2 // 3)
                second.kill()
                wait_until(
                    lambda: plan_of(house, backfill_id).finished_at is not None,
                    "it is done",
                    timeout=90 + COUNT,
                )
                wait_until(
                    lambda: len(final_records_of(house.installation, "old")) >= COUNT, "all are recorded"
                )
        plan = plan_of(house, backfill_id)
        assert (plan.state, plan.released, dict(plan.ended)) == (
            BackfillState.DONE,
            COUNT,
            {"success": COUNT},
        )
        check_records(house)


def started_by_a_killed_command(house: WorkerHouse) -> str:
    """Start a backfill with a command that waits for its end, and kill that."""
    span = ("--from", MIDNIGHT.isoformat(), "--to", (MIDNIGHT + COUNT * timedelta(minutes=1)).isoformat())
    command = [sys.executable, "-m", "mission_control", "task", "backfill", "old", *span, "--start", "--wait"]
    settings = house.installation.settings.environment()
    with subprocess.Popen(command, env={**os.environ, **settings}, start_new_session=True) as process:
        (found,) = wait_until(house.installation.backfills.all, "it is started", timeout=30)
        process.send_signal(signal.SIGKILL)
    return found.backfill_id


def wait_for(house: WorkerHouse, backfill_id: str, finished: int) -> None:
    wait_until(
        lambda: plan_of(house, backfill_id).finished >= finished,
        f"{finished} runs are over",
        timeout=60 + COUNT,
    )


def plan_of(house: WorkerHouse, backfill_id: str) -> BackfillPlan:
    plan = house.installation.backfills.get(backfill_id)
    assert plan is not None
    return plan


def check_records(house: WorkerHouse) -> None:
    """Check that each occurrence ran once, one at a time, and that the live task went on."""
    final = final_records_of(house.installation, "old")
    assert len({one["execution_id"] for one in final}) == len(final) == COUNT
    assert {(one["status"], one["trigger"]) for one in final} == {("success", Trigger.BACKFILL)}
    attempts = sorted(span_of(one) for one in records_of(house.installation, "old") if one["final"])
    assert [(end, begin) for (_, end), (begin, _) in pairwise(attempts) if end > begin] == []
    live = final_records_of(house.installation, "live")
    assert live
    assert {one["status"] for one in live} <= {"success", "missed"}
    assert verified_runs(house.installation).is_sound


def span_of(record: dict[str, str]) -> tuple[datetime, datetime]:
    return parse_instant(record["started_at"]), parse_instant(record["timestamp"])
