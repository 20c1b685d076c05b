"""`enqueue` and `enqueue_many`, on the installation that the environment describes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from mission_control.dispatch.enqueue import Dispatch, RunOptions
from mission_control.dispatch.run_handle import Run
from mission_control.dispatch.run_options import DebounceOptions, EnqueueRequest, EnqueueResult
from mission_control.installation.installation import current_installation


def enqueue(  # noqa: PLR0913  # one parameter an option
    task_id_or_handler: str,
    params: Mapping[str, Any] | None = None,
    *,
    at: datetime | str | None = None,
    delay: timedelta | float | str | None = None,
    expires: timedelta | float | str | None = None,
    queue: str | None = None,
    priority: int | None = None,
    overlap: Literal["queue", "allow"] | None = None,
    limits: Sequence[str | Mapping[str, Any]] | None = None,
    debounce: DebounceOptions | None = None,
    idempotency_key: str | None = None,
) -> Run:
    """Run a task, or a bare handler, once outside any schedule, and return a handle on the run.

    `params` extend and override the task's. The run is due now, `at` an aware datetime (or words such as
    "tomorrow 09:00", in the setting's time zone), or after `delay` (seconds, timedelta, or "5m"). One that
    has not started `expires` (the same) after it is due ends `expired`. `queue` and `priority` (0 first … 9
    last, as Celery has it on Redis) override the task's. A task's run is retried by the task's policy; a
    bare handler's run is not retried. While another run of the task is active, a task's run waits for its
    end, unless `overlap` or the task's policy is "allow". `limits` replace the task's named limits, each a
    name or `{"name", "weight"}`.

    Repeated calls with the same `idempotency_key`, task and params return the first run, as long as it is
    retained; with others they are refused. A run that failed, timed out, was lost, expired or was skipped no
    longer answers for its key: the next call starts another.

    With `debounce` many calls with the same `key` become one run. Their window ends `delay` after the last
    call, and at the latest `max_delay` after the first. With the `edge` "trailing" (the default) the run
    starts then, with the arguments of the last call. With "leading" it is that of the first call, and due
    at once. `run.record.calls` says for how many it stands.

    Guarantees: when it returns, the run is in the ledger, and its message on the queue unless it waits for
    another run or for its time. A disabled task can be enqueued.

    Raises:
        UnknownTaskError: no task has that id.
        InvalidTaskError: no such handler, or an argument that cannot be used.
        StoreUnavailableError: Redis cannot be reached or refuses. A run that was entered but could not be
            sent is cancelled, and its `idempotency_key` may be used again.
    """
    options = RunOptions(
        at=at,
        delay=delay,
        expires=expires,
        queue=queue,
        priority=priority,
        overlap=overlap,
        limits=limits,
        debounce=debounce,
    )
    dispatch = Dispatch.of(current_installation())
    return dispatch.enqueue(task_id_or_handler, params, options, idempotency_key=idempotency_key)


def enqueue_many(requests: Iterable[EnqueueRequest]) -> list[EnqueueResult]:
    """Enqueue many runs in few steps, and return a result for each request, in their order.

    A request is an object of the arguments of `enqueue`, which also says what is guaranteed for each. One
    that cannot be used is `refused`, with its error, and does not keep the others from being entered.
    `requests` is read as it is entered, some hundred at a time.

    Raises:
        StoreUnavailableError: Redis cannot be reached or refuses at the first step. If it fails later, the
            requests from there on are `refused` with that error. Of the first some hundred of them it is
            not known whether they were entered: repeat them with their idempotency keys.
    """
    return Dispatch.of(current_installation()).enqueue_many(requests)
