"""How attempts end and what follows: a real beat, a real worker, handlers that misbehave."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.messaging.enqueue import enqueue_in
from tests.audit_stream import final_records_of
from tests.live_installation import LiveInstallation, live_installation
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDLERS = {
    "rude": '''
        """Handlers that do what no handler should."""
        import ctypes, os, signal, sys, time


        def swallow_once(context):
            """Go on at the first attempt, whatever is raised."""
            while context["attempt"] == 1:
                try:
                    time.sleep(0.05)
                except BaseException:
                    pass
            return {"status": "success", "output": None, "error": None}


        def slow(context):
            """Sleep until told that time is up."""
            time.sleep(60)


        def slow_once(context):
            """Sleep too long at the first attempt."""
            if context["attempt"] == 1:
                time.sleep(60)
            return {"status": "success", "output": context["attempt"], "error": None}


        def kill_once(context):
            """Kill its own process at the first attempt."""
            if context["attempt"] == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return {"status": "success", "output": "survived", "error": None}


        def kill(context):
            """Kill its own process."""
            os.kill(os.getpid(), signal.SIGKILL)


        def leave(context):
            """Leave."""
            sys.exit(3)


        def hard_exit(context):
            """Leave without a word."""
            os._exit(4)


        def no_memory(context):
            """Want too much."""
            raise MemoryError("no room")


        class Mute(Exception):
            def __str__(self):
                raise RuntimeError("not even this")


        def mute(context):
            """Raise what cannot be shown."""
            raise Mute


        def surrogate(context):
            """Raise what UTF-8 cannot hold."""
            raise ValueError("half of a pair: \\udc80")


        def flood(context):
            """Raise an error of 5 MB."""
            raise ValueError("x" * 5_000_000)


        def interrupt(context):
            """Pretend that somebody pressed Ctrl-C."""
            raise KeyboardInterrupt


        RESULTS = {
            "nothing": None,
            "a list": [1],
            "wrong keys": {"status": "success", "result": 1},
            "wrong status": {"status": "ok", "output": None, "error": None},
            "wrong error": {"status": "failure", "output": None, "error": 3},
            "nan": {"status": "success", "output": {"ratio": float("nan")}, "error": None},
            "large": {"status": "success", "output": "x" * 5_000_000, "error": None},
            "object": {"status": "success", "output": object(), "error": None},
            "surrogate": {"status": "success", "output": "\\udc80", "error": None},
        }
        CYCLE = {"status": "success", "output": [], "error": None}
        CYCLE["output"].append(CYCLE["output"])
        RESULTS["cycle"] = CYCLE


        def result(context):
            """Return what the params name."""
            return RESULTS[context["params"]["name"]]


        def secret(context):
            """Return a secret."""
            output = {"password": "hunter2", "text": "token=abcdef123456", "params": context["params"]}
            return {"status": "success", "output": output, "error": None}
    ''',
    "broken": '''
        """A module that does not import."""
        import a_package_that_is_not_there


        def run(context):
            """Never run."""
    ''',
}


@pytest.fixture(scope="module")
def live() -> Iterator[LiveInstallation]:
    with live_installation(HANDLERS) as live:
        yield live


def statuses(records: list[dict[str, Any]]) -> list[tuple[str, int, bool]]:
    return [(one["status"], one["attempt"], one["final"]) for one in records]


def test_the_soft_limit_times_an_attempt_out_and_the_policy_retries_it(live: LiveInstallation) -> None:
    policy = {"max_retries": 1, "retry_delay_seconds": 0}
    live.task("soft", "handlers.rude.slow", timeout_seconds=0.5, retry_policy=policy)
    record = live.ended(live.run("soft"))
    assert record.state == "timed_out"
    assert statuses(live.records(record)) == [("retry", 1, False), ("timed_out", 2, True)]
    assert [one["reason"] for one in live.records(record)] == ["timed_out", "timed_out"]
    assert "longer than timeout_seconds" in str(record.error)


def test_a_retry_after_the_soft_limit_can_succeed(live: LiveInstallation) -> None:
    policy = {"max_retries": 1, "retry_delay_seconds": 0}
    live.task("soft_once", "handlers.rude.slow_once", timeout_seconds=0.5, retry_policy=policy)
    record = live.ended(live.run("soft_once"))
    assert statuses(live.records(record)) == [("retry", 1, False), ("success", 2, True)]
    assert (record.output, record.error, record.reason) == (2, None, None)


def test_a_handler_that_swallows_the_soft_limit_is_killed_recorded_once_and_retried(
    live: LiveInstallation,
) -> None:
    policy = {"max_retries": 1, "retry_delay_seconds": 0}
    live.task("hard", "handlers.rude.swallow_once", timeout_seconds=0.5, retry_policy=policy)
    record = live.ended(live.run("hard"), timeout=40)
    killed, after = live.records(record)
    assert statuses([killed, after]) == [("retry", 1, False), ("success", 2, True)]
    assert (killed["reason"], killed["worker"]) == ("timed_out", after["worker"])
    assert "was killed" in killed["error"]
    assert killed["duration_ms"] >= 10_000


def test_a_handler_that_kills_its_process_is_lost_and_retried(live: LiveInstallation) -> None:
    policy = {"max_retries": 2, "retry_delay_seconds": 0}
    live.task("suicidal", "handlers.rude.kill", retry_policy=policy)
    record = live.ended(live.run("suicidal"))
    assert statuses(live.records(record)) == [("retry", 1, False), ("retry", 2, False), ("lost", 3, True)]
    assert "process died" in str(record.error)
    assert "SIGKILL" in str(record.error)


def test_a_retry_after_a_killed_process_can_succeed(live: LiveInstallation) -> None:
    policy = {"max_retries": 1, "retry_delay_seconds": 0}
    live.task("killed_once", "handlers.rude.kill_once", retry_policy=policy)
    record = live.ended(live.run("killed_once"))
    assert record.output == "survived"
    assert [one["reason"] for one in live.records(record)] == ["lost", None]


@pytest.mark.parametrize(
    ("function", "state", "words"),
    [
        ("leave", "failure", "SystemExit: 3"),
        ("hard_exit", "lost", "process died"),
        ("no_memory", "failure", "MemoryError: no room"),
        ("mute", "failure", "Mute (its text cannot be read: RuntimeError)"),
        ("surrogate", "failure", r"ValueError: half of a pair: \udc80"),
        ("flood", "failure", "characters cut"),
        ("interrupt", "failure", "interrupted"),
    ],
)
def test_whatever_a_handler_raises_is_its_failure_and_the_worker_lives(
    live: LiveInstallation, function: str, state: str, words: str
) -> None:
    record = live.ended(live.run(f"handlers.rude.{function}"))
    assert record.state == state
    assert words in str(record.error)
    assert len(str(record.error)) < 10_000
    assert live.ended(live.run("handlers.hello.run")).state == "success"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing", "it returned NoneType; it must return a dict"),
        ("a list", "it returned list; it must return a dict"),
        ("wrong keys", "unknown keys: 'result'"),
        ("wrong status", 'status is \'ok\'; it must be "success" or "failure"'),
        ("wrong error", "error is int; it must be a string or None"),
        ("nan", "output is not JSON: Out of range float values"),
        ("large", "output is 5000002 bytes as JSON, more than 262144; write a file"),
        ("object", "output is not JSON: Object of type object"),
        ("surrogate", "output is not JSON"),
        ("cycle", "output is not JSON: Circular reference detected"),
    ],
)
def test_a_result_that_breaks_the_contract_is_named_and_not_retried(
    live: LiveInstallation, name: str, words: str
) -> None:
    policy = {"max_retries": 3, "retry_delay_seconds": 0}
    task_id = live.task(f"result_{name.replace(' ', '_')}", "handlers.rude.result", retry_policy=policy)
    record = live.ended(live.run(task_id, {"name": name}))
    (only,) = live.records(record)
    assert (only["status"], only["reason"], only["final"]) == ("failure", "broken_contract", True)
    assert only["error"].startswith("the handler broke its contract: ")
    assert words in only["error"]


def test_runs_of_a_module_that_does_not_import_fail_with_the_reason(live: LiveInstallation) -> None:
    record = live.ended(live.run("handlers.broken.run"))
    assert record.state == "failure"
    assert "broken.py does not import: ModuleNotFoundError" in str(record.error)
    assert "a_package_that_is_not_there" in str(record.error)


def test_secrets_in_an_output_are_masked_in_the_audit_stream_and_kept_for_programs(
    live: LiveInstallation,
) -> None:
    record = live.ended(live.run("handlers.rude.secret", {"api_key": "very-secret"}))
    text = live.installation.settings.task_execution_log.read_text("utf-8")
    for secret in ("hunter2", "abcdef123456", "very-secret"):
        assert secret not in text
        assert secret in str(record.output)
    worker_log = live.folder / "data" / "logs" / "worker.log"
    assert "hunter2" not in worker_log.read_text("utf-8")


@pytest.mark.parametrize(
    ("task_id", "policy", "delays"),
    [
        ("none", {"max_retries": 0, "retry_delay_seconds": 0}, []),
        ("fixed", {"max_retries": 3, "retry_delay_seconds": 0.3}, [0.3, 0.3, 0.3]),
        (
            "doubled",
            {
                "max_retries": 3,
                "retry_delay_seconds": 0.2,
                "backoff": "exponential",
                "max_delay_seconds": 0.5,
            },
            [0.2, 0.4, 0.5],
        ),
    ],
)
def test_a_failing_task_is_retried_exactly_as_often_and_as_late_as_its_policy_says(
    live: LiveInstallation, task_id: str, policy: dict[str, Any], delays: list[float]
) -> None:
    live.task(f"retried_{task_id}", params={"fail": True}, retry_policy=policy)
    record = live.ended(live.run(f"retried_{task_id}"))
    records = live.records(record)
    assert statuses(records) == [
        *[("retry", attempt, False) for attempt in range(1, len(delays) + 1)],
        ("failure", len(delays) + 1, True),
    ]
    for before, after, delay in zip(records, records[1:], delays, strict=False):
        ended, begun = (
            datetime.fromisoformat(before["timestamp"]),
            datetime.fromisoformat(after["started_at"]),
        )
        assert begun - ended >= timedelta(seconds=delay) - timedelta(milliseconds=1)


def test_many_mixed_runs_agree_in_history_ledger_and_audit(live: LiveInstallation) -> None:
    policy = {"max_retries": 2, "retry_delay_seconds": 0}
    live.task("mixed", retry_policy=policy, timeout_seconds=30)
    params: list[dict[str, Any]] = [
        {},
        {"fail": True},
        {"fail_times": 1},
        {"fail": "raise", "fail_times": 2},
        {"fail": "raise"},
    ] * 6
    runs = [enqueue_in(live.installation, "mixed", one) for one in params]
    records = [live.ended(run, timeout=40) for run in runs]

    assert [record.attempt for record in records] == [1, 3, 2, 3, 3] * 6
    for record in records:
        audited = live.records(record)
        assert [one["attempt"] for one in audited] == list(range(1, record.attempt + 1))
        assert [one["final"] for one in audited] == [False] * (record.attempt - 1) + [True]
        assert audited[-1]["status"] == record.state
    finals = [live.final_records(record)[0]["status"] for record in records]
    shown = live.installation.registry.get("mixed")
    assert shown is not None
    history = shown["execution_history"]
    assert history["total_runs"] == len(records)
    assert history["success_count"] == finals.count("success") == 18
    assert history["failure_count"] == finals.count("failure") == 12


def test_a_fixed_delay_counts_from_the_end_of_a_run_however_it_ends(live: LiveInstallation) -> None:
    schedule = {"type": "interval", "seconds": 1, "measure_from": "finish"}
    policy = {"max_retries": 0}
    live.task("after_kill", "handlers.rude.kill", schedule=schedule, retry_policy=policy)
    live.task("after_sleep", schedule=schedule, params={"sleep_seconds": 0.5})
    for task_id, status in (("after_kill", "lost"), ("after_sleep", "success")):
        first, second = two_final_records(live, task_id)
        assert live.installation.registry.disable(task_id)
        assert [first["status"], second["status"]] == [status] * 2
        ended = datetime.fromisoformat(first["timestamp"])
        assert datetime.fromisoformat(second["scheduled_time"]) - ended >= timedelta(seconds=1)


def two_final_records(live: LiveInstallation, task_id: str) -> list[dict[str, Any]]:
    wait_until(
        lambda: len(final_records_of(live.installation, task_id)) >= 2, f"{task_id} has run twice", timeout=20
    )
    return final_records_of(live.installation, task_id)[:2]


def test_nothing_is_active_and_nothing_is_queued_in_the_end(live: LiveInstallation) -> None:
    wait_until(lambda: live.installation.ledger.active_count() == 0, "no run is active")
    with live.server.client() as client:
        wait_until(lambda: not client.exists("default", "unacked"), "all messages are acknowledged")
