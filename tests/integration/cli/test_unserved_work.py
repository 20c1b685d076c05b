"""Work that nothing serves is reported where it is given, in lists, and in the verdict of `status`."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest
from celery import Celery

from mission_control import get_task, list_tasks
from mission_control.store import redis_keys
from tests.samples.ledger_runs import a_run
from tests.stage.command_line import Answer, mc
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.installation.installation import Installation
    from mission_control.processes.fleet import Fleet

YEARLY = '{"type": "cron", "expression": "0 0 1 1 *"}'
HELLO = "handlers.hello.run"
ELSEWHERE = "handlers.elsewhere.run"


def add(task_id: str, handler: str = HELLO, *options: str) -> Answer:
    answer = mc("task", "add", "--id", task_id, "--schedule", YEARLY, "--handler", handler, *options)
    assert answer.code == 0, answer.err
    return answer


def kinds() -> list[str]:
    return [one["kind"] for one in mc("status", "--json").json["issues"]]


def issues_of_listed() -> dict[str, list[str]]:
    listed = mc("task", "list", "--json").json
    return {one["id"]: [issue["kind"] for issue in one["execution_history"]["issues"]] for one in listed}


def verdict() -> str:
    first, *_ = mc("status").out.splitlines()
    assert first.startswith("verdict")
    return first.removeprefix("verdict").strip()


def test_unserved_work_is_reported_wherever_it_is_met(
    installation: Installation, fleet: Fleet, tmp_path: Path
) -> None:
    assert "no " not in add("tea").err
    assert "no " not in mc("task", "list").err
    assert (verdict(), mc("status", "--json").json["ok"]) == ("OK", True)

    start = "start one for it: `celery -A workers.app worker -Q reports`"
    unserved = f"no worker serves the queue reports (slow); {start}"
    assert unserved in add("slow", HELLO, "--queue", "reports").err
    assert unserved in mc("task", "list").err
    assert verdict() == unserved
    for _ in range(2):
        assert (
            "no worker serves the queue reports (slow@manual-"
            in mc("enqueue", "slow", "--overlap", "allow").err
        )
    (queue,) = mc("status", "--json").json["queues"]
    assert (queue["name"], queue["waiting"], queue["oldest_seconds"] < 60) == ("reports", 2, True)
    assert "reports: 2 waiting, the oldest for " in mc("status").out

    unserved = "no worker serves the queue mail (tea)"
    assert unserved in mc("task", "update", "tea", "--queue", "mail").err
    assert unserved in mc("task", "enable", "tea").err
    mc("tasks", "export", str(tmp_path / "tasks.json"))
    moved = (
        (tmp_path / "tasks.json").read_text().replace('"mail"', '"default"').replace('"reports"', '"mail"')
    )
    (tmp_path / "tasks.json").write_text(moved)
    assert "no worker serves the queue mail (slow)" in mc("tasks", "apply", str(tmp_path / "tasks.json")).err

    installation.client.hset(redis_keys.HANDLERS, ELSEWHERE, "on a worker that is gone")
    missing = f"no worker has the handler {ELSEWHERE} (far)"
    assert missing in add("far", ELSEWHERE).err
    assert missing in mc("task", "list").err
    assert issues_of_listed() == {"far": ["missing_handler"], "slow": ["unserved_queue"], "tea": []}
    assert kinds() == ["unserved_queue", "unserved_queue", "missing_handler"]

    in_hand = mc("enqueue", "handlers.test_handler.run", "--params", '{"sleep_seconds": 60}').out.strip()
    wait_until(lambda: mc("run", "show", in_hand, "--json").json["state"] == "running", "a run is in hand")
    for service in fleet.services:
        os.killpg(service.pid, signal.SIGKILL)
    wait_until(lambda: {"no_beat", "stopped_worker"} <= set(kinds()), "both are reported", timeout=8)
    assert f"does not answer, and has {in_hand} in hand" in mc("status").out
    assert mc("enqueue", HELLO).err.count("no worker serves the queue default") == 1
    assert "no beat runs, so nothing fires; start one with `mission-control up`" in add("late").err
    assert kinds()[:2] == ["no_beat", "unserved_queue"]


def test_disabled_task_needs_no_beat_and_no_worker(installation: Installation) -> None:
    assert "no beat" not in add("tea", HELLO, "--disabled").err
    assert installation.registry.ids() == ["tea"]


def test_message_of_a_celery_client_in_a_mistyped_queue_is_in_the_verdict(installation: Installation) -> None:
    with Celery(broker=installation.redis_url, set_as_current=False) as client:
        client.send_task(HELLO, kwargs={"params": {}}, queue="defualt", priority=3)
    assert "no worker serves the queue defualt (1 message)" in mc("status").out


def test_broker_that_cannot_be_reached_hides_nothing_else(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert installation.ledger.active_count() == 0
    monkeypatch.setenv("MISSION_CONTROL_BROKER_URL", "redis://127.0.0.1:1/0")
    assert kinds() == ["no_broker", "no_beat"]


def test_run_of_a_stopped_worker_is_in_the_verdict(installation: Installation) -> None:
    run = a_run("tea@1")
    installation.ledger.dispatch(run)
    installation.ledger.begin("tea@1", 1, worker="celery@gone", at=run.dispatched_at)
    assert "celery@gone does not answer, and has tea@1 in hand" in mc("status").out
    assert "stopped_worker" in kinds()


def test_quarantine_is_shown_with_its_problems(installation: Installation) -> None:
    assert mc("status", "--quarantine").err == "nothing is in quarantine\n"
    client, at = installation.client, "2026-01-01T00:00:00Z"
    entry = redis_keys.DEFAULT_REDBEAT_KEYS.entry("tea")
    client.hset(redis_keys.BEAT_QUARANTINE, entry, json.dumps({"problem": "no rule", "since": at}))
    client.sadd(redis_keys.TASKS, "tea")
    record = {"what": "the pending record 'x'", "text": "{", "problem": "ValueError: no JSON", "at": at}
    client.lpush(redis_keys.AUDIT_QUARANTINE, json.dumps(record))
    letter = {"at": at, "queue": "default", "reason": "it is int", "bytes": 2, "payload": "42"}
    client.lpush(redis_keys.DEAD_LETTERS, json.dumps(letter))
    assert mc("status", "--quarantine", "--json").json == [
        {"kind": "task", "what": "tea", "problem": "no rule", "at": at},
        {
            "kind": "audit record",
            "what": "the pending record 'x'",
            "problem": "ValueError: no JSON",
            "at": at,
        },
        {"kind": "message", "what": "2 bytes of the queue default", "problem": "it is int", "at": at},
    ]
    assert "2 bytes of the queue default: it is int" in mc("status", "--quarantine").out
    assert "1 audit record in quarantine; look at them with" in mc("status").out


@pytest.mark.parametrize("key", [redis_keys.AUDIT_QUARANTINE, redis_keys.DEAD_LETTERS, "default"])
def test_key_of_wrong_type_hides_no_other_issue(installation: Installation, key: str) -> None:
    installation.client.set(key, "text")
    assert "no_beat" in kinds()


@pytest.mark.parametrize("spoilt", ["{}", "[1]", "{no JSON"])
def test_damaged_task_is_shown_before_a_beat_has_noticed(installation: Installation, spoilt: str) -> None:
    assert add("tea").code == 0
    entry = redis_keys.DEFAULT_REDBEAT_KEYS.entry("tea")
    installation.client.hset(entry, "task", spoilt)
    problem = "its entry in Redis is damaged"
    assert "tea" in mc("task", "list").out
    assert problem in mc("task", "show", "tea").err
    for shown in (get_task("tea"), mc("task", "list", "--json").json[0], *list_tasks()):
        assert shown is not None
        history = shown["execution_history"]
        assert (shown["handler"], history["state"], history["problem"]) == (HELLO, "quarantined", problem)
    assert issues_of_listed() == {"tea": ["quarantined_task", "no_beat", "unserved_queue"]}
    installation.client.lset(redis_keys.revisions("tea"), 0, spoilt)
    least = get_task("tea")
    assert least is not None
    assert least.keys() == {"id", "execution_history"}
    assert least["execution_history"]["problem"] == problem
    assert issues_of_listed() == {"tea": ["quarantined_task", "no_beat"]}
    assert (get_task("coffee"), get_task("")) == (None, None)
    status = mc("status", "--json").json
    assert status["tasks"]["quarantined"] == {"tea": problem}
    assert "quarantined_task" in [one["kind"] for one in status["issues"]]
    assert mc("task", "remove", "tea", "--yes").code == 0
    add("tea")
    assert "no_beat" in kinds()
    assert "quarantined_task" not in kinds()
