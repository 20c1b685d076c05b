"""Requests for RedBeat entries: those that another tool wrote, or `beat_schedule` defines."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from celery import Celery
from kombu import Producer
from redbeat.decoder import RedBeatJSONEncoder

from beat.entries.due_entries import DuePlainEntry
from beat.entries.redbeat_times import next_due_after
from beat.firing.fire_request import FireRequest, FireRequests
from beat.messages.message_template import QueuedMessage, collect_messages
from beat.messages.outbox import plain_item
from mission_control.model.values.identifiers import occurrence_execution_id

_CLOCKS_AGREE_WITHIN: Final = timedelta(minutes=1)


def plain_request(
    due: DuePlainEntry,
    requests: FireRequests,
    producer: Callable[[], Producer],
    apply_async: Callable[..., Any],
    now: datetime,
) -> FireRequest:
    """Return the request that fires a RedBeat entry once, under a deterministic id, and moves it on.

    The message is made by the scheduler's own `apply_async`, so that tools that patch it (Sentry,
    OpenTelemetry) see the entry. As in RedBeat, however many occurrences were missed, one is fired. One that
    is not for exactly one queue (a broadcast, an exchange with several queues) goes through the outbox.

    Raises:
        ValueError: the schedule does not move on, so that it would fire without end, or the entry's last
            run lies in the future.
    """
    entry = due.entry
    last_run_at = entry.last_run_at
    if last_run_at is not None and last_run_at > now + _CLOCKS_AGREE_WITHIN:
        raise ValueError(f"its last run, {last_run_at}, lies in the future")
    execution_id = occurrence_execution_id(entry.name, datetime.fromtimestamp(due.due, UTC))
    entry.options["task_id"] = execution_id
    entry.options.setdefault("declare", [])  # it asks Redis; a list needs no declaring
    if requests.uses_outbox:
        message = QueuedMessage("", plain_item(entry))
    else:
        sender = producer()
        _declare_exchanges(entry.app, sender)
        found = collect_messages(sender, lambda: apply_async(entry, producer=sender, advance=False))
        message = found[0] if len(found) == 1 else QueuedMessage("", plain_item(entry))
    next_due = next_due_after(due, now)
    meta = json.dumps(
        {"last_run_at": now, "total_run_count": entry.total_run_count + 1}, cls=RedBeatJSONEncoder
    )
    return requests.of_plain_entry(due, execution_id, message, next_due, meta)


def _declare_exchanges(app: Celery, producer: Producer) -> None:
    """Let kombu know of what types the exchanges are: it takes one that it does not know for a direct one."""
    known = producer.channel.state.exchanges
    for queue in app.amqp.queues.values():
        if queue.exchange is not None and queue.exchange.name and queue.exchange.name not in known:
            queue.exchange(producer.channel).declare()
