from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stage.command_line import mc
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

HELLO = "handlers.hello.run"
YEARLY = '{"type": "cron", "expression": "0 0 1 1 *"}'


def add(task_id: str, handler: str = HELLO, *args: str) -> None:
    answer = mc(
        "task", "add", "--id", task_id, "--schedule", YEARLY, "--handler", handler, "--retries", "0", *args
    )
    assert answer.code == 0, answer.err


@pytest.mark.usefixtures("installation")
def test_run_without_a_worker_is_sent_with_a_warning() -> None:
    answer = mc("enqueue", HELLO)
    assert answer.code == 0
    assert answer.out.startswith(f"{HELLO}@manual-")
    assert "no worker serves the queue default" in answer.err
    (active,) = mc("status", "--json").json["active"]["runs"]
    assert f"{active['execution_id']}\n" == answer.out


@pytest.mark.usefixtures("installation")
def test_wait_longer_than_the_timeout_is_exit_code_6() -> None:
    answer = mc("enqueue", HELLO, "--wait", "--timeout", "0.1")
    assert answer.code == 6
    assert "is dispatched after 0.1 s" in answer.err


@pytest.mark.usefixtures("installation")
def test_repeated_idempotency_key_returns_the_first_run() -> None:
    first, second = (mc("enqueue", HELLO, "--idempotency-key", "k").out for _ in range(2))
    assert first == second


@pytest.mark.usefixtures("installation")
def test_enqueue_in_a_dry_run_sends_nothing() -> None:
    add("greet")
    for command in (["enqueue", "greet"], ["task", "run", "greet"]):
        answer = mc(*command, "--params", '{"name": "Ada"}', "--dry-run")
        assert answer.json["task_id"] == "greet"
        assert answer.json["params"] == {"name": "Ada"}
    assert mc("status", "--json").json["active"]["count"] == 0


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize(
    ("args", "code", "reported"),
    [
        (["nothing"], 3, "no task has the id 'nothing'"),
        (["handlers.helo.run"], 2, 'did you mean "handlers.hello.run"'),
        ([HELLO, "--params", "Ada"], 2, "is not JSON"),
        ([HELLO, "--at", "tomorrow"], 2, "it has no time of day"),
        ([HELLO, "--delay", "-1"], 2, "--delay"),
        ([HELLO, "--priority", "11"], 2, "--priority"),
        ([HELLO, "--at", "2026-01-01T00:00:00Z", "--delay", "1"], 2, "either at or delay"),
        ([HELLO, "--queue", " "], 2, "queue"),
    ],
)
def test_bad_enqueue_is_reported_and_sends_nothing(args: list[str], code: int, reported: str) -> None:
    answer = mc("enqueue", *args)
    assert (answer.code, answer.out) == (code, "")
    assert reported in answer.err
    assert mc("status", "--json").json["active"]["count"] == 0


@pytest.mark.usefixtures("fleet")
def test_run_with_a_worker_returns_its_result_and_is_in_every_view(installation: Installation) -> None:
    add("greet")
    add("broken", "handlers.test_handler.run", "--params", '{"fail": true, "error": "out of paper"}')

    greeted = mc("task", "run", "greet", "--params", '{"name": "Ada"}', "--wait", "--timeout", "20")
    assert (greeted.code, greeted.out) == (0, "Hello, Ada!\n")
    failed = mc("enqueue", "broken", "--wait", "--timeout", "20")
    assert failed.code == 1
    assert "out of paper" in failed.err
    late = mc("enqueue", HELLO, "--delay", "0.2", "--wait", "--timeout", "20", "--json")
    assert late.json["status"] == "success"

    (run,) = mc("task", "history", "broken", "--json").json
    assert (run["state"], run["attempt"], run["error"]) == ("failure", 1, "out of paper")
    assert "out of paper" in mc("task", "history", "broken").out
    wait_until(lambda: len(mc("audit", "tail", "--json").json) == 3, "three runs are in the audit stream")
    status = mc("status", "--json").json
    assert status["last_24_hours"] == {"success": 2, "failure": 1}
    assert [one["leading"] for one in status["beats"]] == [True]
    assert status["workers"][0]["queues"] == ["default"]
    assert [one["task_id"] for one in status["next_due"]] == ["broken", "greet"]
    assert installation.settings.task_execution_log.exists()


def test_missing_redis_is_exit_code_5_within_seconds(bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("MISSION_CONTROL_REDIS_URL", "redis://:secret@127.0.0.1:1/0")
    for command in (["status"], ["task", "list"], ["enqueue", HELLO], ["tasks", "export", "-"], ["up"]):
        answer = mc(*command)
        assert (answer.code, answer.out) == (5, ""), command
        assert "cannot be reached" in answer.err
        assert "secret" not in answer.err


@pytest.mark.usefixtures("installation")
def test_redis_that_refuses_the_password_is_reported_with_the_remedy(
    bare_environment: pytest.MonkeyPatch,
) -> None:
    from tests.stage.servers import RedisServer

    with RedisServer(password="right") as server:
        bare_environment.setenv("MISSION_CONTROL_REDIS_URL", server.url.replace("right", "wrong"))
        answer = mc("status")
    assert answer.code == 5
    assert "correct MISSION_CONTROL_REDIS_URL" in answer.err


def test_full_redis_is_reported_and_nothing_is_half_written(bare_environment: pytest.MonkeyPatch) -> None:
    from tests.stage.servers import RedisServer

    with RedisServer() as server, server.client() as client:
        bare_environment.setenv("MISSION_CONTROL_REDIS_URL", server.url)
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")
        answer = mc("task", "add", "--id", "a", "--schedule", YEARLY, "--handler", HELLO)
        assert answer.code == 5
        assert "is full" in answer.err
        assert client.dbsize() == 0
