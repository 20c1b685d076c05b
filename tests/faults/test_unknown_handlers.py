"""Workers of which only some have a handler, as while new ones are rolled out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from beat.follow_up.parking import release_parked
from mission_control.messaging.message import send
from tests.processes.real_workers import WorkerHouse, WorkerProcess, worker_house
from tests.processes.rude_workers import is_run
from tests.stage.audit_stream import records_of
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def house() -> Iterator[WorkerHouse]:
    with worker_house() as house:
        yield house


def old_worker(house: WorkerHouse) -> WorkerProcess:
    """Return a worker that has the built-in handlers only."""
    empty = house.folder / "none"
    empty.mkdir()
    return house.worker("old", environment={"MISSION_CONTROL_HANDLERS": str(empty)})


def test_run_without_its_handler_here_runs_on_another_worker(house: WorkerHouse) -> None:
    with old_worker(house) as old, house.worker("new"):
        house.gate("work").touch()
        runs = [house.gated("work")]

        def is_passed_on() -> bool:
            if all(run.state == "success" for run in runs):
                runs.append(house.gated("work"))
            return "message_passed_on" in old.log

        wait_until(is_passed_on, "the old worker was given one", timeout=30)

        def are_over() -> bool:
            release_parked(house.installation.client, house.installation.clock())
            return all(run.result is not None for run in runs)

        wait_until(are_over, "all are over", timeout=60)
    assert {run.state for run in runs} == {"success"}
    assert house.runs_of("work") == len(runs)


def test_worker_without_the_handler_does_not_disturb_the_others(house: WorkerHouse) -> None:
    with house.worker("new") as new:
        run = house.gated("work")
        is_run(house, "work")
        with old_worker(house) as old:

            def is_dropped() -> bool:
                record = run.record
                assert record is not None
                assert (record.state, record.worker) == ("running", new.name)
                if not house.installation.client.llen("default"):
                    send(house.installation.celery, record)
                return "dropped a delivery" in old.log

            wait_until(is_dropped, "the old worker was given a copy of its message", timeout=30)
        house.gate("work").touch()
        house.succeeds(run)
    assert house.runs_of("work") == 1


def test_run_that_no_live_worker_can_run_is_lost(house: WorkerHouse) -> None:
    with old_worker(house):
        run = house.gated("work")
        wait_until(lambda: run.state == "lost", "it is lost", timeout=20)
        (record,) = wait_until(lambda: records_of(house.installation, "handlers.gated.run"), "it is recorded")
    assert "no handler 'handlers.gated.run' on this worker" in record["reason"]
