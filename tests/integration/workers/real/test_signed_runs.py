"""A worker with a signing key, and an attacker who reaches Redis without it: only what was signed runs."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from celery import Celery

from mission_control.dispatch.run_control import RunControl
from mission_control.errors import InvalidTaskError
from mission_control.messaging.message import RUN_HEADER
from mission_control.store import redis_keys
from tests.processes.beats import messages
from tests.processes.real_workers import WorkerHouse, worker_house
from tests.stage.audit_stream import records_of, verified_runs
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mission_control.dispatch.run_handle import Run

GATED = "handlers.gated.run"
YEARLY = {"type": "cron", "expression": "0 0 29 2 *"}
TOMORROW = 86_400.0


@pytest.fixture(scope="module")
def house() -> Iterator[WorkerHouse]:
    """One worker for all tests of this file."""
    with worker_house(signing_key="k" * 64) as house, house.worker(pool="solo"):
        yield house


def params(house: WorkerHouse, name: str) -> dict[str, Any]:
    """Let the gated handler of a name end at once, and return the params that say so."""
    house.gate(name).touch()
    return {"gate": str(house.gate(name))}


def waiting(house: WorkerHouse, name: str) -> Run:
    """Enter a run that is due tomorrow."""
    return house.run(GATED, params(house, name), delay=TOMORROW)


def start(house: WorkerHouse, run: Run) -> None:
    RunControl.of(house.installation).run_now(run.execution_id)


def push(house: WorkerHouse, message: dict[str, Any]) -> None:
    house.installation.client.lpush("default", json.dumps(message))


def spec_of(house: WorkerHouse, run: Run) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(str(house.installation.client.hget(key_of(run), "spec")))
    return spec


def key_of(run: Run) -> str:
    return redis_keys.run(run.execution_id)


def refusal(house: WorkerHouse, execution_id: str) -> str:
    """Return why a message was refused, once that is recorded."""

    def recorded() -> str | None:
        mine = [one for one in records_of(house.installation, GATED) if execution_id in one["execution_id"]]
        return next((one["reason"] for one in mine if one["status"] == "rejected"), None)

    return str(wait_until(recorded, f"a message of {execution_id} is refused"))


def test_signed_run_is_run_and_retried(house: WorkerHouse) -> None:
    policy = {"max_retries": 1, "retry_delay_seconds": 0.01}
    definition = {"id": "twice", "schedule": YEARLY, "handler": "handlers.flaky.run", "retry_policy": policy}
    assert house.installation.registry.register(definition)

    house.succeeds(house.run("twice"))

    wait_until(lambda: len(records_of(house.installation, "twice")) > 1, "the success is recorded")
    assert [one["status"] for one in records_of(house.installation, "twice")] == ["retry", "success"]


def test_message_of_a_plain_client_is_refused(house: WorkerHouse) -> None:
    with closing(Celery("bare", broker=house.server.url, set_as_current=False)) as bare:
        kwargs = {"params": params(house, "plain")}
        sent = bare.send_task(GATED, kwargs=kwargs, queue="default")

        assert "it is not signed, and MISSION_CONTROL_SIGNING_KEY is set" in refusal(house, sent.id)
    assert house.runs_of("plain") == 0


def test_forged_message_does_not_start_a_run_before_its_time(house: WorkerHouse) -> None:
    run = waiting(house, "tomorrow")
    with closing(Celery("bare", broker=house.server.url, set_as_current=False)) as bare:
        bare.send_task(GATED, task_id=run.execution_id, queue="default", headers={RUN_HEADER: True})

        assert "it is not signed" in refusal(house, run.execution_id)
    assert (run.state, house.runs_of("tomorrow")) == ("dispatched", 0)


def test_message_moved_to_another_queue_is_refused(house: WorkerHouse) -> None:
    run = house.run(GATED, params(house, "moved"), queue="gpu")
    (message,) = messages(house.installation.client, "gpu")
    push(house, message)

    assert "its signature is that of something else" in refusal(house, run.execution_id)
    assert (run.state, house.runs_of("moved")) == ("dispatched", 0)


def test_replayed_message_is_refused(house: WorkerHouse) -> None:
    run = house.gated("replayed")
    wait_until(lambda: house.runs_of("replayed") == 1, "the run has begun")
    with house.server.client() as client:
        (held,) = client.hvals("unacked")
    push(house, json.loads(held)[0])
    house.gate("replayed").touch()

    assert "replayed, or sent twice" in refusal(house, run.execution_id)
    assert (run.state, house.runs_of("replayed")) == ("success", 1)


def test_run_whose_params_were_changed_in_the_ledger_ends_cancelled(house: WorkerHouse) -> None:
    run = waiting(house, "changed")
    forged = {**spec_of(house, run), "params": json.dumps(params(house, "instead"))}
    house.installation.client.hset(key_of(run), "spec", json.dumps(forged))

    start(house, run)

    assert "in the ledger: its signature is that of something else" in refusal(house, run.execution_id)
    assert (run.state, house.runs_of("changed"), house.runs_of("instead")) == ("cancelled", 0, 0)


def test_field_next_to_the_spec_changes_nothing_of_a_run(house: WorkerHouse) -> None:
    run = waiting(house, "spec")
    house.installation.client.hset(key_of(run), "params", json.dumps(params(house, "field")))

    start(house, run)

    house.succeeds(run)
    assert (house.runs_of("spec"), house.runs_of("field")) == (1, 0)


def test_run_that_was_forged_in_the_ledger_is_not_repeated(house: WorkerHouse) -> None:
    run = waiting(house, "forged")
    forged = {name: one for name, one in spec_of(house, run).items() if name != "signature"}
    house.installation.client.hset(key_of(run), mapping={"spec": json.dumps(forged), "state": "success"})

    with pytest.raises(InvalidTaskError, match="it is not signed"):
        start(house, run)


def test_audit_stream_is_sound_after_all_that(house: WorkerHouse) -> None:
    found = verified_runs(house.installation)
    assert [one for one in found.findings if "forged" not in str(one)] == []
