"""What the log has of a handler that raised."""

from __future__ import annotations

import logging
import sys
from typing import Any

from celery.exceptions import WorkerTerminate

from workers.call.failure_log import LONGEST_TRACEBACK, HandlerFailedError, leave_out_our_frames
from workers.call.invocation import Failure, invoke


def deep(levels: int) -> None:
    if levels == 0:
        raise ValueError("password=hunter2 is wrong")
    deep(levels - 1)


def failing(_context: dict[str, Any]) -> dict[str, Any]:
    deep(2)
    return {}


def test_traceback_begins_with_the_handlers_frame_and_is_masked() -> None:
    outcome = invoke(failing, {})
    assert isinstance(outcome, Failure)
    assert outcome.traceback is not None
    lines = outcome.traceback.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "in failing" in lines[1]
    assert sum("in deep" in line for line in lines) == 3
    assert "ValueError" in lines[-1]
    assert "hunter2" not in outcome.traceback


def test_traceback_of_a_long_error_is_bounded() -> None:
    def flood(_context: dict[str, Any]) -> dict[str, Any]:
        raise ValueError("x " * 1_000_000)

    outcome = invoke(flood, {})
    assert isinstance(outcome, Failure)
    assert outcome.traceback is not None
    assert len(outcome.traceback) < LONGEST_TRACEBACK + 100


def test_celery_log_of_a_failure_omits_our_frames(caplog: Any) -> None:
    leave_out_our_frames()
    logger = logging.getLogger("celery.app.trace")
    for error in (HandlerFailedError("ValueError: no"), KeyError("a bug of ours")):
        logger.error("raised unexpected", exc_info=error)
    ours, bug = caplog.records
    assert ours.exc_info is None
    assert bug.exc_info is not None


def test_shutdown_during_a_handler_is_not_its_failure() -> None:
    def stopped(_context: dict[str, Any]) -> dict[str, Any]:
        raise WorkerTerminate(1)

    try:
        invoke(stopped, {})
    except WorkerTerminate:
        return
    sys.exit("it was taken for the handler's")
