"""Celery's logging, with records that cannot be mistaken for one another."""

import sys
from collections.abc import Callable
from logging import Formatter
from typing import Any

from celery.app.log import Logging
from celery.utils.log import ColorFormatter

from mission_control.events.log_format import record_formatter


def leave_standard_error_to_records(log_format: str) -> None:
    """Send what else this process writes to standard error to standard output, if a program reads the log."""
    if log_format == "json":
        sys.stderr = sys.stdout


class OwnLogging(Logging):
    """Sets up the loggers of beat and workers as Celery does, but for how a record is written."""

    def setup_handlers(
        self,
        *args: Any,  # noqa: ANN401  # Celery's
        formatter: Callable[..., Formatter] = ColorFormatter,
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Give a logger its handlers, unless it has some."""
        leave_standard_error_to_records(self.app.conf.mission_control_log_format)

        def ours(*args: Any, **options: Any) -> Formatter:  # noqa: ANN401
            return record_formatter(self.app.conf.mission_control_log_format, formatter(*args, **options))

        return super().setup_handlers(*args, formatter=ours, **options)
