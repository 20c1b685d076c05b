"""Sending Celery's events after the handler has been started, not before."""

from __future__ import annotations

from typing import Any, Final

from celery import bootsteps

FLUSH_AFTER_SECONDS: Final = 0.05
MOST_AT_ONCE: Final = 500
"""Celery's limit of 24 would have a busy worker send eight runs' events at a time."""


class EventFlushStep(bootsteps.StartStopStep):
    """Lets events about tasks wait for a moment, and then go together.

    Celery sends them at its event loop's next turn, which is before it hands a task to the pool: half a
    millisecond in which the handler is late, for the sake of somebody who watches.
    """

    requires = ("celery.worker.consumer:Events",)

    def start(self, parent: Any) -> None:  # noqa: ANN401  # Celery's consumer
        """Have the dispatcher flush a moment after the first of several events."""
        if parent.hub is None or parent.event_dispatcher is None:
            return
        parent.event_dispatcher.buffer_limit = MOST_AT_ONCE
        parent.event_dispatcher.on_send_buffered = _Flush(parent)


class _Flush:
    """Calls the consumer's flush once for all events of a moment."""

    def __init__(self, consumer: Any) -> None:  # noqa: ANN401
        self._consumer = consumer
        self._is_planned = False

    def __call__(self) -> None:
        if not self._is_planned:
            self._is_planned = True
            self._consumer.timer.call_after(FLUSH_AFTER_SECONDS, self._flush)

    def _flush(self) -> None:
        self._is_planned = False
        self._consumer._flush_events()  # noqa: SLF001  # what Celery itself calls at the next turn
