"""The clock of a worker's host is set forward or back in mid-run: leases are counted by the server's."""

from __future__ import annotations

from datetime import datetime, timedelta
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from mission_control.configuration.clock import utc_now
from tests.processes.real_workers import VISIBILITY_SECONDS, WorkerHouse, worker_house
from tests.processes.rude_workers import Swept
from tests.stage.audit_stream import records_of
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mission_control.model.runs.run_record import RunRecord

pytestmark = pytest.mark.starts_early

HOURS = 2
LEAP = '''
    """A handler in whose process the clock is set."""
    import time
    from datetime import UTC, datetime, timedelta
    from pathlib import Path

    import time_machine


    def run(context):
        """Set the clock, and wait until the file named in the params is there."""
        params = context["params"]
        there = datetime.now(UTC) + timedelta(hours=params["hours"])
        time_machine.travel(there, tick=True).start()
        with Path(params["log"]).open("a") as log:
            log.write("run\\n")
        while not Path(params["gate"]).exists():
            time.sleep(0.02)
        return {"status": "success", "output": "let go", "error": None}
'''


@pytest.fixture
def house() -> Iterator[WorkerHouse]:
    with worker_house() as house:
        (house.folder / "handlers" / "leap.py").write_text(dedent(LEAP), "utf-8")
        yield house


def seconds_of_server(house: WorkerHouse) -> float:
    seconds, microseconds = house.installation.client.time()
    return float(seconds) + float(microseconds) / 1_000_000


def test_clock_set_during_a_run_neither_loses_nor_steals_a_lease(house: WorkerHouse) -> None:
    log, gate = house.folder / "leaps", house.gate("leap")
    params = {"log": str(log), "gate": str(gate)}
    with house.worker("first", pool="threads"), house.worker("second", pool="threads"):
        runs = [house.run("handlers.leap.run", {**params, "hours": hours}) for hours in (HOURS, -HOURS)]
        wait_until(lambda: log.exists() and log.read_text() == "run\n" * 2, "both clocks are set")
        swept, until = Swept(house), seconds_of_server(house) + VISIBILITY_SECONDS + 2

        def is_beyond_the_lease() -> bool:
            swept.sweep.turn()
            return seconds_of_server(house) > until

        wait_until(is_beyond_the_lease, "a lease without renewal would have expired")
        gate.touch()
        ended = [swept.ended(run) for run in runs]
        assert [(one.state, one.deliveries, one.fence) for one in ended] == [("success", 1, 1)] * 2
        assert {one.worker for one in ended} == {"first@test", "second@test"}
        house.succeeds(house.run())  # on a host whose clock is wrong all the time
    assert log.read_text() == "run\n" * 2
    assert [round(error(house, run) / timedelta(hours=1)) for run in ended] == [HOURS, -HOURS]


def error(house: WorkerHouse, run: RunRecord) -> timedelta:
    """Return by how much the time in a run's record is wrong: it says what the worker's host believed."""
    found = records_of(house.installation, run.task_id)
    (record,) = [one for one in found if one["execution_id"] == run.execution_id]
    return datetime.fromisoformat(record["timestamp"]) - utc_now()
