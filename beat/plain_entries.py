"""What RedBeat's own entries need: entries that another tool wrote, or `beat_schedule` defines."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from celery.schedules import schedule as interval
from redbeat.decoder import RedBeatJSONEncoder
from redbeat.schedules import rrule

from beat.message_template import QueuedMessage, collect_messages
from beat.outbox import plain_item
from mission_control.definitions.identifiers import occurrence_execution_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from celery import Celery
    from kombu import Producer

    from beat.due_entries import DuePlainEntry
    from beat.fire_request import FireRequest, FireRequests

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
    next_due = _next_due(due, now)
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


def _next_due(due: DuePlainEntry, now: datetime) -> float | None:
    """Return the first due instant after now, counted from the occurrence that is due, without drift."""
    schedule = due.entry.schedule
    moment = datetime.fromtimestamp(due.due, UTC)
    following = next_after(schedule, moment, now)
    if following is None:
        return None
    if following <= moment:
        raise ValueError(f"{schedule!r} does not move on; use a longer interval")
    if following > now:
        return following.timestamp()
    if isinstance(schedule, interval) and not schedule.relative:
        every: timedelta = schedule.run_every
        return (moment + ((now - moment) // every + 1) * every).timestamp()
    following = next_after(schedule, now, now)
    return None if following is None else following.timestamp()


def next_after(schedule: Any, moment: datetime, now: datetime) -> datetime | None:  # noqa: ANN401
    """Return the first occurrence after `moment`; Celery's schedules only tell how far it is from now."""
    if isinstance(schedule, rrule):
        from beat.rrule_entries import next_of_rrule  # much to load where there are no rrules

        return next_of_rrule(schedule, moment)
    schedule.nowfun = lambda: now
    remaining = schedule.remaining_estimate(moment)
    return None if remaining is None else now + remaining
