"""What a handler prints and logs, and its traceback, are kept with its run and shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from mission_control.audit.stream.reader import tail
from mission_control.cli.terminal.failures import ExitCode
from mission_control.dispatch.run_logs import LogLine, RunLogs
from mission_control.store import redis_keys
from tests.stage.command_line import mc
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from mission_control.model.runs.run_record import RunRecord
    from tests.stage.live_installation import LiveInstallation


@pytest.fixture(scope="module")
def ended(live: LiveInstallation) -> RunRecord:
    policy = {"max_retries": 2, "retry_delay_seconds": 0}
    live.task("talkative", "handlers.talkative.run", retry_policy=policy)
    return live.ended(live.run("talkative"))


def lines(live: LiveInstallation, run: RunRecord, attempt: int) -> list[LogLine]:
    logs = RunLogs(live.installation.client, live.installation.run_logs)
    return [line for line in logs.lines(run.execution_id) if line.attempt == attempt]


def test_failed_attempt_has_its_output_its_log_and_the_handlers_own_traceback(
    live: LiveInstallation, ended: RunRecord
) -> None:
    first = lines(live, ended, 1)
    said = [(line.stream, line.text) for line in first if line.stream != "traceback"]
    assert said == [
        ("out", "attempt 1 begins"),
        ("err", "to stderr: password=***"),
        ("log", "WARNING the.handler: logged 50%"),
    ]
    traceback = "\n".join(line.text for line in first if line.stream == "traceback")
    assert "talkative.py" in traceback
    assert traceback.rstrip().endswith("ValueError: the handler's own mistake")
    assert "workers/call" not in traceback


def test_last_lines_before_a_killed_process_are_kept(live: LiveInstallation, ended: RunRecord) -> None:
    assert [line.text for line in lines(live, ended, 2)] == [
        "attempt 2 begins",
        "last words",
        "and half a line",
    ]


def test_huge_lines_escapes_and_bytes_that_are_no_text_are_kept_bounded_and_visible(
    live: LiveInstallation, ended: RunRecord
) -> None:
    assert ended.state == "success"
    third = lines(live, ended, 3)
    begins, huge, red, latin = (line for line in third if line.stream == "out")
    assert "--- Logging error ---" in [line.text for line in third if line.stream == "err"]
    assert (begins.text, red.text, latin.text) == ("attempt 3 begins", "\\x1b[31mred \\udc80", "caf\\xe9")
    assert "characters cut" in huge.text
    assert len(huge.text) < 2_100


def test_log_of_a_finished_run_stands_next_to_the_audit_stream(
    live: LiveInstallation, ended: RunRecord
) -> None:
    path = live.installation.settings.run_logs
    (record,) = wait_until(
        lambda: tail(path, 9, execution_id=ended.execution_id), "the log of the finished run is written"
    )
    assert [LogLine.from_list(one) for one in record["lines"]] == [
        line for attempt in (1, 2, 3) for line in lines(live, ended, attempt)
    ]
    assert path.parent == live.installation.audit.path.parent
    live.installation.client.delete(redis_keys.run_log(ended.execution_id))
    assert [line.text for line in lines(live, ended, 2)][-2:] == ["last words", "and half a line"]


def test_log_is_shown_by_the_commands(
    live: LiveInstallation, ended: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in live.installation.settings.environment().items():
        monkeypatch.setenv(name, text)
    followed = mc("run", "logs", "--follow", ended.execution_id).out
    assert re.findall(r"^(attempt \d) \(UTC\)$", followed, re.MULTILINE) == [
        "attempt 1",
        "attempt 2",
        "attempt 3",
    ]
    assert "last words" in followed
    assert "last words" in str(mc("run", "logs", "--json", ended.execution_id).json)
    assert "Message: 'a record %s whose" in mc("run", "show", ended.execution_id).out
    silent = live.ended(live.run("handlers.hello.run"))
    assert "printed and logged nothing" in mc("run", "logs", silent.execution_id).err
    assert mc("run", "logs", "unknown@1").code == ExitCode.NOT_FOUND


def test_text_of_a_handler_begins_no_record_of_the_workers_log(live: LiveInstallation) -> None:
    path = live.installation.settings.data_dir / "logs" / "worker.log"
    live.ended(live.run("handlers.talkative.forging"))

    def forged() -> list[str]:
        return [line for line in path.read_text("utf-8", "replace").splitlines() if "forged" in line]

    wait_until(lambda: len(forged()) >= 4, "print, log record, event and Celery's record are there")
    assert [line for line in forged() if line.startswith("[2026-03-01")] == []


def test_long_log_keeps_its_last_lines_and_their_numbers(live: LiveInstallation) -> None:
    live.task("flood", "handlers.talkative.flood")
    kept = lines(live, live.ended(live.run("flood")), 1)
    assert (len(kept), kept[0].number, kept[-1].text) == (1_000, 501, "line 1499")
