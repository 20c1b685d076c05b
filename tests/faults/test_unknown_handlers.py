"""Workers of which only some have a handler, as while new ones are rolled out."""

from __future__ import annotations

import json
from contextlib import closing

import pytest
from celery import Celery

from beat.follow_up.parking import release_parked
from mission_control.dispatch.run_ending import RunEnding
from mission_control.dispatch.run_handle import Run
from mission_control.messaging.message import send
from mission_control.model.values.identifiers import plain_execution_id
from tests.processes.real_workers import WorkerHouse, WorkerProcess
from tests.processes.rude_workers import is_run
from tests.stage.audit_stream import records_of
from tests.stage.command_line import mc
from tests.stage.live_installation import YEARLY
from tests.stage.waiting import wait_until


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


def test_run_that_no_live_worker_can_run_waits_until_one_comes(
    house: WorkerHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.gate("work").touch()
    for name, value in house.installation.settings.environment().items():
        monkeypatch.setenv(name, value)
    with old_worker(house) as old:
        run, expiring = house.gated("work"), expiring_run(house)
        with closing(Celery("bare", broker=house.server.url, set_as_current=False)) as bare:
            params = {"gate": str(house.gate("work"))}
            sent = bare.send_task("handlers.gated.run", kwargs={"params": params})
        plain = Run(plain_execution_id(sent.id), RunEnding.of(house.installation), house.server.url)
        wait_until(lambda: old.log.count("run_waits_for_handler") == 3, "all wait")
        assert {run.state, expiring.state, plain.state} == {"dispatched"}
        assert (
            "waits for a worker that has handlers.gated.run, since" in mc("run", "show", run.execution_id).err
        )
        assert "handlers.gated.run: no live worker has it" in mc("handler", "list").err
        assert "no worker has the handler handlers.gated.run" in mc("status").out
        wait_until(lambda: released(house) and expiring.state == "expired", "one expires", timeout=30)
        with house.worker("new"):
            runs = (run, plain)
            wait_until(
                lambda: released(house) and {one.state for one in runs} == {"success"},
                "the others run",
                timeout=30,
            )
            assert "handlers.gated.run: old@test does not have it" in mc("handler", "list").err
            with (house.folder / "handlers" / "gated.py").open("a") as file:
                file.write("# edited\n")
            assert "handlers.gated.run: new@test has another version of it" in mc("handler", "list").err
            added = mc(
                "task",
                "add",
                "--id",
                "gated",
                "--handler",
                "handlers.gated.run",
                "--schedule",
                json.dumps(YEARLY),
            )
            assert "new@test has another version of handlers.gated.run; restart it" in added.err
    assert house.runs_of("work") == 2
    (record,) = records_of(house.installation, "expiring")
    assert (record["status"], record["final"]) == ("expired", True)


def expiring_run(house: WorkerHouse) -> Run:
    """Send a run that expires after three seconds."""
    task = {"id": "expiring", "handler": "handlers.flaky.run", "schedule": YEARLY, "expires_seconds": 3}
    assert house.installation.registry.register(task)
    return house.run("expiring")


def released(house: WorkerHouse) -> bool:
    """Release what is parked and due, as beat does."""
    release_parked(house.installation.client, house.installation.clock())
    return True
