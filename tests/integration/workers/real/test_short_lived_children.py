"""Children of a prefork pool that live for one run each: what they write is anchored and reported as any."""

from __future__ import annotations

from mission_control.audit.stream.chain import read_anchors
from mission_control.store import redis_keys
from tests.processes.real_workers import WorkerHouse
from tests.stage.audit_stream import verified_runs
from tests.stage.waiting import wait_until

RUNS = 4


def test_child_that_ends_first_confirms_its_records_to_redis(house: WorkerHouse) -> None:
    client = house.installation.client
    with house.worker(options=("--max-tasks-per-child", "1")) as worker:
        runs = [house.run() for _ in range(RUNS)]
        for run in runs:
            house.succeeds(run)
        wait_until(lambda: len(read_anchors(client)) == RUNS, "each child's chain is anchored", timeout=10)
        wait_until(lambda: not client.exists(redis_keys.PENDING_RECORDS), "nothing is pending", timeout=10)
        assert worker.exit_code is None
    verification = verified_runs(house.installation)
    assert (verification.records, verification.anchored, verification.writers) == (RUNS, RUNS, RUNS)
