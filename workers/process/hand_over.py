"""Handing a task to a child of the pool as soon as it is there, not at the event loop's next turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celery import bootsteps
from celery.concurrency.prefork import TaskPool
from kombu.asynchronous import get_event_loop

if TYPE_CHECKING:
    from collections.abc import Callable


class HandOverStep(bootsteps.Step):
    """Has a prefork pool write a task to an idle child in the call that gives it the task.

    Celery's pool keeps it for its event loop, which sends off acknowledgements and asks for the next message
    before it comes to that: half a millisecond in which the handler is late. A child that cannot take it
    yet, and any pool without an event loop, are served as Celery does it.
    """

    requires = ("celery.worker.components:Pool",)

    def create(self, parent: Any) -> None:  # noqa: ANN401  # Celery's worker
        """Wrap the pool's way to be given tasks, which Celery looks up once for each of them."""
        if isinstance(parent.pool, TaskPool):
            parent.pool.apply_async = _handing_over(parent.pool, parent.pool.apply_async)


def _handing_over(pool: TaskPool, apply_async: Callable[..., Any]) -> Callable[..., Any]:
    def apply_and_hand_over(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # as Celery calls it
        given = apply_async(*args, **kwargs)
        hub, idle = get_event_loop(), _idle_children(pool)
        if idle and hub is not None and hub.consolidate_callback is not None:
            hub.consolidate_callback(idle)  # what the loop calls with the children that can be written to
        return given

    return apply_and_hand_over


def _idle_children(pool: TaskPool) -> list[int]:
    """Return by which descriptors tasks are given to the children that have none; always in the same order.

    So an idle worker gives its tasks to the same child, whose caches are warm.
    """
    inner: Any = pool._pool  # noqa: SLF001  # nothing else tells
    try:
        return sorted(inner._all_inqueues - inner._busy_workers - inner._active_writes)  # noqa: SLF001
    except AttributeError:  # it is not there yet, or another Celery's
        return []
