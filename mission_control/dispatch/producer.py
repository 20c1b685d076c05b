"""`enqueue`, on the installation that the environment describes."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from mission_control.dispatch.enqueue import Dispatch, RunOptions
from mission_control.dispatch.run_handle import Run
from mission_control.installation.installation import current_installation


def enqueue(  # noqa: PLR0913  # one parameter an option
    task_id_or_handler: str,
    params: Mapping[str, Any] | None = None,
    *,
    at: datetime | str | None = None,
    delay: timedelta | float | str | None = None,
    queue: str | None = None,
    priority: int | None = None,
    overlap: Literal["queue", "allow"] | None = None,
    limits: Sequence[str | Mapping[str, Any]] | None = None,
    idempotency_key: str | None = None,
) -> Run:
    """Run a task, or a bare handler, once outside any schedule, and return a handle on the run.

    `params` extend and override the task's. The run is due now, `at` an aware datetime (or words such as
    "tomorrow 09:00", in the setting's time zone), or after `delay` (seconds, timedelta, or "5m").
    `queue` and `priority` (0 first … 9 last, as Celery has it on Redis) override
    the task's. A task's run is retried by the task's policy; a bare handler's run is not retried. Repeated
    calls with the same `idempotency_key`, task and params return the first run, as long as it is retained;
    with others they are refused. While another run of the task is active, a task's run waits for its end,
    unless `overlap` or the task's policy is "allow". `limits` replace the task's named limits, each a
    name or `{"name", "weight"}`.

    Guarantees: when it returns, the run is in the ledger, and its message on the queue unless it waits for
    another run. A disabled task can be enqueued.

    Raises:
        UnknownTaskError: no task has that id.
        InvalidTaskError: no such handler, or an argument that cannot be used.
        StoreUnavailableError: Redis cannot be reached or refuses. A run that was entered but could not be
            sent is cancelled, and its `idempotency_key` may be used again.
    """
    options = RunOptions(at=at, delay=delay, queue=queue, priority=priority, overlap=overlap, limits=limits)
    dispatch = Dispatch.of(current_installation())
    return dispatch.enqueue(task_id_or_handler, params, options, idempotency_key=idempotency_key)
