"""Clients of the broker that send Celery's remote commands: they read no secret, and change nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.audit.stream.reader import read_all
from mission_control.model.values.identifiers import plain_execution_id
from mission_control.operate.situation import situation
from tests.processes.real_workers import WorkerHouse, worker_house
from tests.stage.waiting import wait_until
from workers.process.remote_control import CONTROLLED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from celery import Celery

    from tests.stage.live_installation import LiveInstallation

HELLO = "handlers.hello.run"
SECRET = "hunter2-of-the-broker"

ATTACKS: dict[str, dict[str, Any]] = {
    "cancel_consumer": {"queue": "default"},
    "add_consumer": {"queue": "theirs"},
    "rate_limit": {"task_name": HELLO, "rate_limit": "1/h"},
    "time_limit": {"task_name": HELLO, "soft": 0.001, "hard": 0.001},
    "revoke_by_stamped_headers": {"headers": {"any": ["1"]}, "terminate": True},
    "pool_shrink": {"n": 2},
    "pool_restart": {"modules": ["os"]},
    "autoscale": {"max": 1, "min": 0},
    "disable_events": {},
    "election": {"id": "1", "topic": "2"},
    "memdump": {},
    "no_such_command": {},
    "shutdown": {},
}


def answer_of(client: Celery, worker: str, command: str, **arguments: Any) -> Any:
    """Return what one worker answers to a command."""
    (answer,) = client.control.broadcast(
        command, arguments=arguments, reply=True, limit=1, timeout=10, destination=[worker]
    )
    return answer[worker]


def test_commands_of_any_client_change_no_worker(live: LiveInstallation, bare_client: Celery) -> None:
    worker = live.fleet.worker_name
    for command, arguments in ATTACKS.items():
        answer = answer_of(bare_client, worker, command, **arguments)
        assert f"refuses {command}; set MISSION_CONTROL_ALLOW_REMOTE_CONTROL=true" in answer["error"]
    forged = "revoked-in-passing"
    assert "clock" in answer_of(bare_client, worker, "hello", from_node="x@y", revoked=[forged])
    assert answer_of(bare_client, worker, "revoked") == answer_of(bare_client, worker, "dump_revoked")
    assert forged not in answer_of(bare_client, worker, "revoked")
    bare_client.send_task(HELLO, task_id=forged, queue="default")
    wait_until(
        lambda: (
            (run := live.installation.ledger.get(plain_execution_id(forged))) is not None
            and run.state == "success"
        ),
        "the run that another node calls revoked succeeds",
    )
    assert live.fleet.dead_service() is None


@pytest.fixture(scope="module")
def house() -> Iterator[WorkerHouse]:
    with worker_house(password=SECRET, allow_remote_control=True) as house:
        yield house


def test_answers_show_no_secret_and_allowed_changes_are_recorded_and_shown(house: WorkerHouse) -> None:
    with house.worker() as worker:
        ours = house.installation.celery
        wait_until(lambda: ours.control.ping(timeout=1, destination=[worker.name]), "it hears commands")
        for command in ("conf", "report", "stats", "active", "registered"):
            text = json.dumps(answer_of(ours, worker.name, command))
            assert (SECRET in text, "error" in text[:10]) == (False, False), text
        assert issues(house) == []
        assert answer_of(ours, worker.name, "rate_limit", task_name="gone", rate_limit="1/h") == {
            "error": "unknown task"
        }
        assert "ok" in answer_of(ours, worker.name, "rate_limit", task_name=HELLO, rate_limit="1/h")
        (issue,) = wait_until(lambda: issues(house), "status shows it")
        assert f"{worker.name} was changed by remote control: rate_limit task_name={HELLO}" in issue
        ours.control.shutdown(destination=[worker.name])
        assert wait_until(lambda: worker.exit_code is not None, "it has ended", timeout=20)
    changes = list(read_all(house.installation.settings.task_changes_log))
    assert [(one["change"], one["worker"], one["command"], one["arguments"]) for one in changes] == [
        (CONTROLLED, worker.name, "rate_limit", {"task_name": HELLO, "rate_limit": "1/h"}),
        (CONTROLLED, worker.name, "shutdown", {}),
    ]


def issues(house: WorkerHouse) -> list[str]:
    ours = house.installation
    found = situation(ours.client, ours.registry, ours.ledger, ours.celery, now=ours.clock())
    return [str(one) for one in found.issues if one.kind == "changed_worker"]
