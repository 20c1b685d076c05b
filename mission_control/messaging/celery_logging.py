"""Celery's logging, with records that cannot be mistaken for one another."""

from collections.abc import Callable
from logging import Formatter
from typing import Any

from celery.app.log import Logging
from celery.utils.log import ColorFormatter

from mission_control.events.log_format import record_formatter


class OwnLogging(Logging):
    """Sets up the loggers of beat and workers as Celery does, but for how a record is written."""

    def setup_handlers(
        self,
        *args: Any,  # noqa: ANN401  # Celery's
        formatter: Callable[..., Formatter] = ColorFormatter,
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Give a logger its handlers, unless it has some."""

        def ours(*args: Any, **options: Any) -> Formatter:  # noqa: ANN401
            return record_formatter(self.app.conf.mission_control_log_format, formatter(*args, **options))

        return super().setup_handlers(*args, formatter=ours, **options)
