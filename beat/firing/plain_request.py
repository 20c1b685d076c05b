"""Requests for RedBeat entries: those that another tool wrote, or `beat_schedule` defines."""

import json
import secrets
from datetime import datetime

from celery import Celery
from kombu import Producer
from redbeat.decoder import RedBeatJSONEncoder

from beat.entries.due_entries import DuePlainEntry
from beat.entries.redbeat_times import decide_entry
from beat.firing.fire_request import FireRequest, FireRequests
from beat.messages.entry_sender import EntrySender
from beat.messages.outbox import plain_item
from mission_control.messaging.collected_messages import QueuedMessage
from mission_control.messaging.message import FIRED_HEADER, RUN_HEADER
from mission_control.model.values.identifiers import occurrence_execution_id
from mission_control.model.values.instants import from_unix


def plain_request(
    due: DuePlainEntry, requests: FireRequests, sender: EntrySender, now: datetime
) -> FireRequest:
    """Return the request that fires a RedBeat entry if its schedule says so, and moves it on or takes it off.

    An occurrence has a deterministic id. As in RedBeat, however many were missed, one is fired. A message
    that is not for exactly one queue (a broadcast, an exchange with several queues) goes through the outbox.

    Raises:
        ValueError: as `decide_entry`.
    """
    entry = due.entry
    if not entry.enabled or due.due < 0:  # RedBeat's save() puts it back when it is enabled or changed
        return requests.of_waiting_entry(due, None)
    decision = decide_entry(entry, from_unix(due.due), now)
    if decision.occurrence is None:
        return requests.of_waiting_entry(due, decision.ask_again)
    execution_id = occurrence_execution_id(entry.name, decision.occurrence)
    entry.options["task_id"] = execution_id
    token = secrets.token_hex(16)
    marks = {RUN_HEADER: True, FIRED_HEADER: token}
    entry.options["headers"] = {**(entry.options.get("headers") or {}), **marks}
    entry.options.setdefault("declare", [])  # it asks Redis; a list needs no declaring
    found = []
    if not requests.uses_outbox:
        _declare_exchanges(entry.app, sender.producer())
        found = sender.collect(entry)
    message = found[0] if len(found) == 1 else QueuedMessage("", plain_item(entry))
    meta = {"last_run_at": decision.last_run_at, "total_run_count": entry.total_run_count + 1}
    meta_text = json.dumps(meta, cls=RedBeatJSONEncoder)
    return requests.of_plain_entry(due, execution_id, token, message, decision.ask_again, meta_text)


def _declare_exchanges(app: Celery, producer: Producer) -> None:
    """Let kombu know of what types the exchanges are: it takes one that it does not know for a direct one."""
    known = producer.channel.state.exchanges
    for queue in app.amqp.queues.values():
        if queue.exchange is not None and queue.exchange.name and queue.exchange.name not in known:
            queue.exchange(producer.channel).declare()
