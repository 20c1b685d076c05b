"""`enqueue`, on the installation that the environment describes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mission_control.dispatch.enqueue import enqueue_in
from mission_control.installation.installation import current_installation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from mission_control.dispatch.run_handle import Run


def enqueue(
    task_id_or_handler: str,
    params: Mapping[str, Any] | None = None,
    *,
    at: datetime | None = None,
    delay: timedelta | float | None = None,
    queue: str | None = None,
    priority: int | None = None,
    idempotency_key: str | None = None,
) -> Run:
    """Have a task, or a bare handler, run once outside any schedule, and return a handle on the run.

    `params` are laid over the task's own. The run is due at once, `at` an aware datetime, or after
    `delay` (seconds or timedelta). `queue` and `priority` (0 first … 9 last, as Celery has it on Redis)
    replace the task's. A task's run is retried by the task's policy, a bare handler's is not. A second
    call with the same `idempotency_key` sends nothing and returns the run of the first, for as long as
    runs are retained.

    Guarantees: when it returns, the run is in the ledger and its message on the queue. A disabled task
    can be enqueued: whoever asks for a run means it.

    Raises:
        UnknownTaskError: no task has that id.
        InvalidTaskError: no such handler, or an argument that cannot be used.
        StoreUnavailableError: Redis cannot be reached or refuses. A run that was entered but could not be
            sent is cancelled, and its `idempotency_key` may be used again.
    """
    return enqueue_in(
        current_installation(),
        task_id_or_handler,
        params,
        at=at,
        delay=delay,
        queue=queue,
        priority=priority,
        idempotency_key=idempotency_key,
    )
