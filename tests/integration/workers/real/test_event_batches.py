"""Task events of a moment travel together."""

from __future__ import annotations

from tests.processes.real_workers import worker_house

RUNS = 200


def test_busy_worker_sends_events_of_many_runs_at_once() -> None:
    with worker_house() as house, house.server.client() as client:
        runs = [house.run() for _ in range(RUNS)]
        client.config_resetstat()
        with house.worker(concurrency=2):
            for run in runs:
                house.succeeds(run)
            published = client.info("commandstats")["cmdstat_publish"]["calls"]
        assert 0 < published < RUNS / 2
