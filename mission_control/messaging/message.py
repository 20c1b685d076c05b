"""How a run becomes a message: ids only, so that secrets never reach the broker or an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import HARD_LIMIT_GRACE
from mission_control.model.values.instants import format_instant
from mission_control.store.address.url_spelling import broker_url

if TYPE_CHECKING:
    from celery import Celery

RUN_HEADER: Final = "mission_control_run"
"""Marks a message of ours, whose id is that of a run; any other message is a plain client's."""

FIRED_HEADER: Final = "mission_control_fired"
"""Marks the message of a RedBeat entry as the one that beat sent: a token that no other program knows."""


def message_kwargs(run: RunRecord) -> dict[str, str]:
    """Return the keyword arguments of a run's message."""
    return {
        "task_id": run.task_id,
        "scheduled_time": format_instant(run.scheduled_time),
        "execution_id": run.execution_id,
    }


def message_options(run: RunRecord) -> dict[str, Any]:
    """Return Celery's options for a run's message: its id, route, priority, limits and expiry."""
    options: dict[str, Any] = {"task_id": run.execution_id, "queue": run.queue, "priority": run.priority}
    if run.timeout_seconds is not None:
        options["soft_time_limit"] = run.timeout_seconds
        options["time_limit"] = run.timeout_seconds + HARD_LIMIT_GRACE.total_seconds()
    if run.expires_at is not None:
        options["expires"] = run.expires_at
    return options


def is_broker_elsewhere(app: Celery, redis_url: str) -> bool:
    """Whether the broker is another server, database or part of it (`global_keyprefix`) than the ledger's."""
    options = app.conf.broker_transport_options
    return bool(options.get("global_keyprefix")) or bool(app.conf.broker_url != broker_url(redis_url))


def send(app: Celery, run: RunRecord, *, headers: Mapping[str, Any] | None = None, **options: Any) -> None:  # noqa: ANN401
    """Put the message of a run's next attempt on its queue; a run that has started no longer expires.

    Sending it twice is harmless: the ledger lets it run once.
    """
    marked = {**(headers or {}), RUN_HEADER: True}
    started = {"retries": run.retries, "expires": None} if run.attempt > 0 else {}
    given = {**message_options(run), **started, **options}
    app.send_task(run.handler, kwargs=message_kwargs(run), headers=marked, **given)
