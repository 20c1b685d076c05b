"""A program that reads the log from standard error finds records alone there."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from celery import Celery

from mission_control.messaging.celery_logging import OwnLogging

if TYPE_CHECKING:
    import pytest


def test_what_is_no_record_goes_to_standard_output_if_the_log_is_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, logger = Celery(), logging.getLogger("of a worker")
    for log_format, streams in {"text": ("", "printed\n"), "json": ("printed\n", "")}.items():
        monkeypatch.setattr(sys, "stderr", sys.stderr)  # restored later
        app.conf.mission_control_log_format = log_format
        OwnLogging(app).setup_handlers(logger, None, "", colorize=False)
        sys.stderr.write("printed\n")
        assert tuple(capsys.readouterr()) == streams
