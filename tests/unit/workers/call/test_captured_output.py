"""Which attempt a captured line belongs to, and that capturing changes nothing else."""

# ruff: noqa: T201  # handlers print

from __future__ import annotations

import io
import logging
import sys
import threading
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.samples.ledger_runs import a_run
from workers.call.attempt_log import AttemptLog
from workers.call.captured_output import captured
from workers.call.known_secrets import KnownSecrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mission_control.dispatch.run_logs import LogLine

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Lines:
    """Stands in for the sender: keeps what it is sent."""

    most = 10

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.sent: dict[str, list[tuple[str, int, str]]] = {}

    def send(self, execution_id: str, lines: Sequence[LogLine]) -> None:
        kept = self.sent.setdefault(execution_id, [])
        kept += [(line.stream, line.number, line.text) for line in lines]


def log(lines: Lines, execution_id: str = "a@1") -> AttemptLog:
    return AttemptLog(a_run(execution_id), lines, clock=lambda: NOW)  # type: ignore[arg-type]  # it sends like one


def in_thread(what: object) -> None:
    thread = threading.Thread(target=what)  # type: ignore[arg-type]
    thread.start()
    thread.join()


def test_lines_of_concurrent_attempts_are_kept_apart() -> None:
    lines = Lines()

    def other() -> None:
        with captured(log(lines, "b@1")):
            print("of b")

    with captured(log(lines)):
        in_thread(other)
        print("of a")
    assert lines.sent == {"a@1": [("out", 1, "of a")], "b@1": [("out", 1, "of b")]}


def test_thread_of_the_only_handler_is_captured_and_of_one_among_several_is_not() -> None:
    lines = Lines()
    with captured(log(lines)):
        in_thread(lambda: print("alone"))
        with captured(log(lines, "b@1")):
            in_thread(lambda: print("whose?"))
    assert lines.sent == {"a@1": [("out", 1, "alone")]}


def test_streams_and_loggers_are_as_before_afterwards(capsys: pytest.CaptureFixture[str]) -> None:
    before = (sys.stdout, sys.stderr, list(logging.getLogger().handlers))
    with captured(log(Lines())):
        print("shown")
    assert (sys.stdout, sys.stderr, list(logging.getLogger().handlers)) == before
    assert capsys.readouterr().out == "shown\n"


def test_line_that_begins_like_a_record_is_marked_on_the_stream_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    forged, lines = "[2026-03-01 09:00:00,123: ERROR/MainProcess] forged", Lines()
    with captured(log(lines)):
        print(f"said\n{forged}\r{forged}")
        sys.stdout.buffer.write(b'{"timestamp": "\xc3\xbc"}\n')
    assert lines.sent["a@1"][1] == ("out", 2, f"{forged}\\x0d{forged}")
    shown = capsys.readouterr().out
    assert shown.startswith(f"said\n  | {forged}\r  | {forged}\n")
    assert '\n  | {"timestamp": "ü"}' in shown


def test_stream_that_cannot_be_written_fails_no_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    lines = Lines()
    with captured(log(lines)):
        print("ü", flush=True)
    assert lines.sent == {"a@1": [("out", 1, "ü")]}


def test_logs_of_the_worker_itself_are_no_part_of_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    lines = Lines()
    with captured(log(lines)):
        logging.getLogger("celery.worker").info("a task")
        logging.getLogger("mission_control").warning("a lease")
        logging.getLogger("mine").info("a step")
    assert lines.sent == {"a@1": [("log", 1, "INFO mine: a step")]}


def test_secret_on_several_lines_is_masked() -> None:
    lines = Lines()
    with captured(log(lines)):
        print("-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----")
    assert "MIIEvQ" not in str(lines.sent)
    assert "PRIVATE KEY ***" in str(lines.sent)


def test_of_many_lines_at_once_the_last_are_kept_with_their_numbers() -> None:
    lines = Lines()
    with captured(log(lines)):
        print("\n".join(str(number) for number in range(1, 101)))
    assert lines.sent["a@1"][-10:] == [("out", number, str(number)) for number in range(91, 101)]


def test_record_factory_of_another_tool_stays_in_use() -> None:
    class Traced(logging.LogRecord):
        pass

    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(Traced)
    made: list[logging.LogRecord] = []
    logger = logging.getLogger("traced")
    note = made.append
    logger.addFilter(note)  # type: ignore[arg-type]  # it notes the record, and lets none pass
    attempt = AttemptLog(a_run(), Lines(), clock=lambda: NOW, secrets=KnownSecrets(["hunter2"]))  # type: ignore[arg-type]
    try:
        with captured(attempt):
            logger.warning("door %s", "hunter2")
        assert logging.getLogRecordFactory() is Traced
        with captured(attempt):
            ours = logging.getLogRecordFactory()
            logging.setLogRecordFactory(partial(ours))
        with captured(attempt):
            logger.warning("window %s", "hunter2")
    finally:
        logging.setLogRecordFactory(before)
        logger.removeFilter(note)  # type: ignore[arg-type]
    assert [type(one) for one in made] == [Traced, Traced]
    assert [one.getMessage() for one in made] == ["door ***", "window ***"]
