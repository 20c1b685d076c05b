"""What a busy worker saves: half a millisecond before each handler, and round trips for its task events."""

from collections.abc import Callable
from typing import Any, Final

from celery import bootsteps
from celery.concurrency.prefork import TaskPool
from kombu.asynchronous import get_event_loop

FLUSH_AFTER_SECONDS: Final = 0.05

MOST_AT_ONCE: Final = 500


class ChildDispatchStep(bootsteps.Step):
    """Writes a task to an idle child of a prefork pool in the call that gives it to the pool.

    Celery's pool leaves that to the next turn of its event loop. It still does so if no child is idle, and
    in a pool without an event loop.
    """

    requires = ("celery.worker.components:Pool",)

    def create(self, parent: Any) -> None:  # noqa: ANN401  # Celery's worker
        """Wrap the pool's `apply_async`, which Celery looks up for each task."""
        if isinstance(parent.pool, TaskPool):
            parent.pool.apply_async = _dispatching(parent.pool, parent.pool.apply_async)


def _dispatching(pool: TaskPool, apply_async: Callable[..., Any]) -> Callable[..., Any]:
    def apply_and_dispatch(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # as Celery calls it
        result = apply_async(*args, **kwargs)
        hub, idle = get_event_loop(), _idle_children(pool)
        if idle and hub is not None and hub.consolidate_callback is not None:
            hub.consolidate_callback(idle)  # what the loop calls with the children that can be written to
        return result

    return apply_and_dispatch


def _idle_children(pool: TaskPool) -> list[int]:
    """Return the descriptors of the idle children, in a fixed order.

    So an idle worker gives its tasks to the same child, whose caches are warm.
    """
    inner: Any = pool._pool  # noqa: SLF001  # no public attribute has them
    try:
        return sorted(inner._all_inqueues - inner._busy_workers - inner._active_writes)  # noqa: SLF001
    except AttributeError:  # the pool has not started, or another version of Celery names them differently
        return []


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
