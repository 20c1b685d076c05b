"""A debounced run outlives its killed producer and a crash of Redis, and runs once with the last params."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from mission_control.dispatch.run_ending import RunEnding
from mission_control.dispatch.run_handle import Run
from tests.house.repository import ROOT
from tests.processes.beats import leading_beat
from tests.processes.real_workers import worker_house
from tests.stage.audit_stream import final_records_of
from tests.stage.waiting import wait_until

pytestmark = pytest.mark.starts_early

HELLO = "handlers.hello.run"
PRODUCER = """
import itertools
from mission_control import enqueue
for number in itertools.count():
    window = {"key": "tea", "delay": "3s", "max_delay": "10m"}
    run = enqueue("handlers.hello.run", {"name": str(number)}, debounce=window)
    print(run.execution_id, number, flush=True)
"""


def test_run_of_a_killed_producer_starts_once_with_its_last_params() -> None:
    with worker_house() as house, leading_beat(house.installation), house.worker(pool="solo"):
        ours = house.installation
        environment = {**ours.settings.environment(), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", PRODUCER]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as producer:
            assert producer.stdout is not None
            lines = [producer.stdout.readline() for _ in range(20)]
            producer.kill()
            lines += producer.stdout.readlines()
        house.server.kill()
        house.server.restart()
        (execution_id,) = {line.split()[0] for line in lines}
        answered = int(lines[-1].split()[1])
        result = Run(execution_id, RunEnding.of(ours), ours.redis_url).wait(timeout=60)
        found = re.fullmatch(r"Hello, (\d+)!", result["output"])
        assert found is not None
        last = int(found[1])
        assert last in {answered, answered + 1}  # the last call may have been entered without an answer
        record = ours.ledger.get(execution_id)
        assert record is not None
        assert record.calls == last + 1
        wait_until(lambda: final_records_of(ours, HELLO), "the run is in the audit stream")
        assert [one["calls"] for one in final_records_of(ours, HELLO)] == [last + 1]
        assert ours.ledger.active_count() == 0
