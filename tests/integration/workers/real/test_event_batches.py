"""Task events of a moment travel together."""

from __future__ import annotations

import time

from tests.processes.real_workers import worker_house
from workers.process.early_start import FLUSH_AFTER_SECONDS

RUNS = 200


def test_busy_worker_sends_events_of_many_runs_at_once() -> None:
    with worker_house() as house, house.server.client() as client:
        runs = [house.run() for _ in range(RUNS)]
        client.config_resetstat()
        with house.worker(concurrency=2):
            begin = time.monotonic()
            for run in runs:
                house.succeeds(run)
            published = client.info("commandstats")["cmdstat_publish"]["calls"]
            took = time.monotonic() - begin
        # A machine that has much else to do runs few of them in a moment.
        assert 0 < published < max(RUNS / 2, took / FLUSH_AFTER_SECONDS)
