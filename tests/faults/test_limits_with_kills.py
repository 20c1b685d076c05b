"""A named limit with a real beat and real workers, one of which is killed while its runs hold slots."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from tests.processes.beats import leading_beat
from tests.processes.real_workers import WorkerHouse, worker_house
from tests.stage.audit_stream import records_of
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from mission_control.dispatch.run_handle import Run

pytestmark = pytest.mark.starts_early

HANDLER = "handlers.gated.run"


def limited(house: WorkerHouse) -> list[Run]:
    """Enter runs that share a limit."""
    return [house.gated("gate", limits=["api"]) for _ in range(6)]


def waiting(runs: list[Run]) -> int:
    records = [run.record for run in runs]
    return sum(one is not None and one.limited_by == "api" for one in records)


def test_limit_holds_and_leaks_no_slot_though_a_worker_is_killed_and_redis_restarts() -> None:
    with worker_house() as house, leading_beat(house.installation):
        ours = house.installation
        ours.limits.set({"name": "api", "concurrency": 2})
        runs = limited(house)
        with house.worker("first", concurrency=4) as first:
            wait_until(lambda: house.runs_of("gate") == 2, "both slots are taken", timeout=30)
            wait_until(lambda: waiting(runs) == 4, "the others wait", timeout=30)
            house.succeeds(house.run("handlers.hello.run"))  # those that wait are in no worker's way
            first.kill()
        house.server.kill()
        house.server.restart()
        with house.worker("second", concurrency=4):
            wait_until(lambda: house.runs_of("gate") >= 4, "the slots of the killed are free", timeout=60)
            assert house.runs_of("gate") == 4
            house.gate("gate").touch()
            for run in runs:
                house.succeeds(run, timeout=60)
        assert ours.client.keys(redis_keys.LimitKeys("api", "*").of("*")) == []
        assert most_at_a_time(records_of(ours, HANDLER)) == 2
        assert all(run.record is not None and run.record.state is RunState.SUCCESS for run in runs)


def most_at_a_time(records: list[dict[str, Any]]) -> int:
    """Return how many attempts went on at the same time, as their records say."""
    spans = [
        (datetime.fromisoformat(one["started_at"]), datetime.fromisoformat(one["timestamp"]))
        for one in records
        if one["started_at"] is not None
    ]
    return max(sum(start <= began < end for start, end in spans) for began, _ in spans)
