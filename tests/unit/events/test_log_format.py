"""How a log is written: no text in a record begins a line of its own, in either format."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from celery.utils.log import ColorFormatter

from mission_control.events import events
from mission_control.events.log_format import record_formatter

FORGED = "no\n[2026-03-01 09:00:00,123: ERROR/MainProcess] forged\r\x1b[2J\x9b1m\u2028"
CELERYS = "[%(asctime)s: %(levelname)s/%(processName)s] %(message)s"


def written(log_format: str, *args: Any, error: Exception | None = None, **extra: Any) -> str:
    """Return a record as a process with that format writes it."""
    logger, formatter = logging.getLogger("a.library"), ColorFormatter(CELERYS, use_color=False)
    trace = None if error is None else (type(error), error, None)
    record = logger.makeRecord("a.library", logging.ERROR, "a.py", 1, args[0], args[1:], trace, extra=extra)
    return record_formatter(log_format, formatter).format(record)


def test_text_record_has_one_first_line_and_marked_ones() -> None:
    first, *others = written("text", "it failed: %s", FORGED).split("\n")
    assert first.endswith("ERROR/MainProcess] it failed: no")
    assert others == ["  | [2026-03-01 09:00:00,123: ERROR/MainProcess] forged\\r\\x1b[2J\\x9b1m\\u2028"]


def test_text_of_an_exception_is_marked_too() -> None:
    first, *others = written("text", "it failed", error=ValueError(FORGED)).split("\n")
    assert first.endswith("it failed")
    assert all(one.startswith("  | ") for one in others)
    assert others[-1].endswith("forged\\r\\x1b[2J\\x9b1m\\u2028")


def test_json_record_is_one_object_in_ascii_with_its_own_fields_first() -> None:
    error = ValueError(FORGED)
    line = written("json", "it failed: %s", FORGED, error=error, level="forged", task_id="\x7f", n=object)
    assert line.isascii()
    assert line.isprintable()
    entry = json.loads(line)
    assert list(entry)[:6] == ["timestamp", "level", "logger", "process", "pid", "message"]
    assert (entry["level"], entry["message"]) == ("ERROR", f"it failed: {FORGED}")
    assert (entry["task_id"], entry["n"]) == ("\x7f", "<class 'object'>")
    assert entry["exception"] == f"ValueError: {FORGED}"


def test_event_in_json_is_its_sentence_and_its_fields(caplog: pytest.LogCaptureFixture) -> None:
    events.redis_unavailable(ConnectionError("refused"), "broker")
    formatter = record_formatter("json", logging.Formatter())
    entry = json.loads(formatter.format(caplog.records[0]))
    assert (entry["event"], entry["message"]) == ("redis_unavailable", "waiting for Redis")
    assert (entry["of"], entry["error"]) == ("broker", "refused")


def test_field_of_an_event_is_one_line_wherever_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "mission_control")
    events.message_passed_on(FORGED, "handlers.hello.run")
    (record,) = caplog.records
    assert record.getMessage().isprintable()
    assert record.__dict__["execution_id"] == FORGED
