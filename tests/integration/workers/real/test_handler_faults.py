"""Whatever a handler raises or returns: the run is accounted for, and the worker lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.stage.live_installation import LiveInstallation


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
def test_handler_that_raises_anything_fails_and_the_worker_lives(
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
def test_result_that_breaks_the_contract_is_reported_and_not_retried(
    live: LiveInstallation, name: str, words: str
) -> None:
    policy = {"max_retries": 3, "retry_delay_seconds": 0}
    task_id = live.task(f"result_{name.replace(' ', '_')}", "handlers.rude.result", retry_policy=policy)
    record = live.ended(live.run(task_id, {"name": name}))
    (only,) = live.records(record)
    assert (only["status"], only["reason"], only["final"]) == ("failure", "broken_contract", True)
    assert only["error"].startswith("the handler broke its contract: ")
    assert words in only["error"]


def test_run_of_a_module_that_does_not_import_fails_with_the_reason(live: LiveInstallation) -> None:
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
