"""Sending the task events of a moment together, which saves a busy worker two round trips a run.

Nothing else depends on this file. Without its one line in `workers.app` a worker sends events as Celery does:
at the next turn of its event loop, those of eight runs at most.
"""

from typing import Any, Final

from celery import bootsteps

FLUSH_AFTER_SECONDS: Final = 0.05
MOST_AT_ONCE: Final = 500


class EventBatchStep(bootsteps.StartStopStep):
    """Delays task events by `FLUSH_AFTER_SECONDS`, and sends those of a moment together."""

    requires = ("celery.worker.consumer:Events",)

    def start(self, parent: Any) -> None:  # noqa: ANN401  # Celery's consumer
        """Replace the flush of the consumer's event dispatcher."""
        if parent.hub is None or parent.event_dispatcher is None:
            return
        parent.event_dispatcher.buffer_limit = MOST_AT_ONCE
        parent.event_dispatcher.on_send_buffered = _Flush(parent)


class _Flush:
    """Plans one flush of the consumer for all events of a moment."""

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
