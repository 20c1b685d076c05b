"""A worker that stops lets handlers finish for a while, then gives their runs back, with a record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.processes.real_workers import WorkerHouse
from tests.processes.rude_workers import is_run, rude_house
from tests.stage.audit_stream import records_of, verified_runs
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mission_control.dispatch.run_handle import Run


@pytest.fixture
def house() -> Iterator[WorkerHouse]:
    with rude_house(stop_grace_seconds=1) as house:
        yield house


def records(house: WorkerHouse, run: Run) -> list[tuple[str, bool, int, str]]:
    record = run.record
    assert record is not None
    found = records_of(house.installation, record.task_id)
    return [(one["status"], one["final"], one["attempt"], one["worker"]) for one in found]


def worker_of(run: Run) -> str | None:
    return None if run.record is None else run.record.worker


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_handler_that_does_not_finish_in_the_grace_is_interrupted_and_begins_again(
    house: WorkerHouse, pool: str
) -> None:
    with house.worker("first", pool=pool) as first:
        run = house.gated("work")
        is_run(house, "work")
        first._process.terminate()
        assert first._process.wait(timeout=60) == 0
    assert run.state == "interrupted"
    assert records(house, run) == [("interrupted", False, 1, "first@test")]
    house.gate("work").touch()
    with house.worker("second"):
        house.succeeds(run)  # the message is back, without a sweep
        wait_until(lambda: len(records(house, run)) > 1, "its end is recorded")
    assert records(house, run)[1:] == [("success", True, 1, "second@test")]
    record = run.record
    assert record is not None
    assert (record.deliveries, house.runs_of("work")) == (1, 2)
    assert verified_runs(house.installation).is_sound


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_handler_that_refuses_to_stop_is_interrupted_too(house: WorkerHouse, pool: str) -> None:
    with house.worker("first", pool=pool) as first:
        run = house.run("handlers.rude.deaf")
        wait_until((house.folder / "deaf.begun").exists, "its handler has begun", timeout=20)
        assert first.stop() == 0
        assert pool == "prefork" or "giving back the runs of handlers that do not stop" in first.log
    assert run.state == "interrupted"
    assert records(house, run) == [("interrupted", False, 1, "first@test")]
    with house.worker("second"):
        wait_until(lambda: worker_of(run) == "second@test", "the message is back, and runs elsewhere")
