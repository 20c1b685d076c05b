"""`worker --reload`: handlers that are written, edited, broken or removed while a worker runs."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from functools import partial
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from beat.follow_up.parking import release_parked
from tests.processes.real_workers import WorkerHouse, worker_house
from tests.processes.rude_workers import is_run
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mission_control import RunResult
    from mission_control.dispatch.run_handle import Run
    from tests.processes.real_workers import WorkerProcess

SOURCE = '''
    from handlers._words import WORD


    def run(context):
        """Say a word and a number."""
        return {{"status": "success", "output": f"{{WORD}} {number}", "error": None}}
'''


POOLS = ("threads", "solo")


@pytest.fixture(scope="module")
def house() -> Iterator[WorkerHouse]:
    with worker_house(queues=("default", *POOLS)) as house:
        yield house


@pytest.fixture(scope="module")
def worker(house: WorkerHouse) -> Iterator[WorkerProcess]:
    with house.worker("reloading", options=("--reload", "-Q", "default"), concurrency=2) as worker:
        yield worker


def write(house: WorkerHouse, name: str, text: str) -> None:
    (house.folder / "handlers" / f"{name}.py").write_text(dedent(text), "utf-8")


def output(house: WorkerHouse, run: Run) -> Any:
    """Release what is parked, as beat does, until the run is over, and return its output."""

    def result() -> RunResult | None:
        release_parked(house.installation.client, house.installation.clock())
        return run.result

    found = wait_until(result, "the run is over", timeout=30)
    assert found is not None
    return found["output"]


def test_handlers_written_and_edited_after_the_start_run_as_they_are_and_running_ones_finish(
    house: WorkerHouse, worker: WorkerProcess
) -> None:
    gated = house.gated("old")
    is_run(house, "old")
    write(house, "_words", "WORD = 'tea'")
    write(house, "fresh", SOURCE.format(number=1))
    assert output(house, house.run("handlers.fresh.run")) == "tea 1"
    write(house, "fresh", SOURCE.format(number=2))
    wait_until(lambda: output(house, house.run("handlers.fresh.run")) == "tea 2", "the edit takes effect")
    write(house, "_words", "WORD = 'soup'")
    wait_until(lambda: output(house, house.run("handlers.fresh.run")) == "soup 2", "its import does")
    assert gated.state == "running"
    house.gate("old").touch()
    house.succeeds(gated)
    assert house.runs_of("old") == 1
    assert "handlers: 10 ready" in worker.log


def test_worker_without_child_processes_reloads_handlers_too(house: WorkerHouse) -> None:
    with ExitStack() as stack:
        for pool in POOLS:
            stack.enter_context(house.worker(pool, pool=pool, options=("--reload", "-Q", pool)))
        for number in (1, 2):
            write(house, "_pool", f"WORD = {number}")
            write(house, "pool", SOURCE.format(number=number).replace("_words", "_pool"))
            for pool in POOLS:
                wait_until(
                    partial(is_word, house, pool, f"{number} {number}"), f"{pool} runs version {number}"
                )


def is_word(house: WorkerHouse, pool: str, word: str) -> bool:
    return bool(output(house, house.run("handlers.pool.run", queue=pool)) == word)


def test_run_of_a_half_written_handler_waits_until_the_file_is_complete(
    house: WorkerHouse, worker: WorkerProcess
) -> None:
    write(house, "half", SOURCE.format(number=1))
    write(house, "_words", "WORD = 'tea'")
    assert output(house, house.run("handlers.half.run")) == "tea 1"
    with sent_before_a_reload(house, "handlers.half.run") as send:
        write(house, "half", SOURCE.format(number=2)[:60])
        wait_until(lambda: ", 1 broken: half.py line 5: " in worker.log, "the fault is reported")
        run = send()
        wait_until(lambda: f"execution_id={run.execution_id}" in worker.log, "the run waits")
        assert run.state == "dispatched"
        write(house, "half", SOURCE.format(number=3))
        assert output(house, run) == "tea 3"


def test_handlers_whose_folder_vanishes_are_back_with_it(house: WorkerHouse, worker: WorkerProcess) -> None:
    folder = house.folder / "handlers"
    with sent_before_a_reload(house, "handlers.half.run") as send:
        folder.rename(house.folder / "away")
        wait_until(lambda: worker.log.rstrip().count("handlers: 7 ready") == 1, "its handlers are gone")
        run = send()
        wait_until(lambda: f"execution_id={run.execution_id}" in worker.log, "the run waits")
        (house.folder / "away").rename(folder)
        assert output(house, run) == "tea 3"


def test_thousand_broken_files_are_reported_in_one_line_and_stop_no_other_handler(
    house: WorkerHouse, worker: WorkerProcess
) -> None:
    write(house, "bad_000", "def run(context)\n")
    for number in range(1, 1_000):  # links are made faster
        os.link(house.folder / "handlers/bad_000.py", house.folder / f"handlers/bad_{number:03}.py")
    wait_until(lambda: ", 1,000 broken: bad_000.py line 1: " in worker.log, "they are reported", timeout=60)
    (line,) = [one for one in worker.log.splitlines() if ", 1,000 broken: " in one]
    assert "bad_004.py" in line
    assert "; and 995 more" in line
    assert "bad_005.py" not in line
    assert output(house, house.run()) == "Hello, world!"


@contextmanager
def sent_before_a_reload(house: WorkerHouse, handler: str) -> Iterator[Any]:
    """Let a producer that still has the handler send a run of it."""
    task = {"id": "sent", "handler": handler, "schedule": {"type": "once", "at": "2999-01-01T00:00Z"}}
    house.installation.registry.register(task)
    yield lambda: house.run("sent")
    house.installation.registry.unregister("sent")
