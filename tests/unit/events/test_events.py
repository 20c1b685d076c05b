"""Log events: each has a name that machines can rely on, and one sentence for people."""

from __future__ import annotations

import ast
import logging
import re
from pathlib import Path

import pytest

from mission_control.events import events

_TREE = ast.parse(Path(events.__file__).read_text("utf-8"))
_EVENTS = {
    function.name: ast.literal_eval(call.args[1])
    for function in _TREE.body
    if isinstance(function, ast.FunctionDef)
    for call in function.decorator_list
    if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "_event"
}


def test_events_have_unique_snake_case_names_and_one_sentence() -> None:
    names = [function.name for function in _TREE.body if isinstance(function, ast.FunctionDef)]
    assert len(names) == len(set(names))
    assert len(_EVENTS) >= 30
    assert [name for name in _EVENTS if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []
    assert [text for text in _EVENTS.values() if not text or "\n" in text or text.endswith(".")] == []


def test_event_carries_name_and_fields_as_text_and_as_attributes(caplog: pytest.LogCaptureFixture) -> None:
    events.sweep_failed(KeyError("spec"))
    (record,) = caplog.records
    assert (
        record.getMessage() == "the sweep failed; it tries again  event=sweep_failed error=KeyError: 'spec'"
    )
    assert (record.levelno, record.exc_info) == (logging.ERROR, None)
    assert record.__dict__["event"] == "sweep_failed"
    assert record.__dict__["error"] == "KeyError: 'spec'"


def test_unforeseen_error_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    events.service_failed("heartbeat", ValueError("no"))
    assert caplog.records[0].exc_info is not None
    assert "event=service_failed service=heartbeat error=ValueError: no" in caplog.text


def test_refusal_of_beat_names_its_event(caplog: pytest.LogCaptureFixture) -> None:
    events.beat_refused(ValueError("no port"))
    assert caplog.records[0].getMessage() == "beat ends: no port  event=beat_refused"


@pytest.mark.parametrize(("count", "logged"), [(1, 1), (20, 20), (21, 1)])
def test_many_fired_runs_are_one_event(caplog: pytest.LogCaptureFixture, count: int, logged: int) -> None:
    caplog.set_level("INFO", "mission_control")
    events.runs_fired([f"tea@{at}" for at in range(count)])
    assert len(caplog.records) == logged
