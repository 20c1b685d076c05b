"""A message in kombu's wire format, with gaps where the ids go."""

import base64
import json
import os
import re
from typing import Final, NamedTuple

import kombu
from celery import Celery
from celery.signals import after_task_publish, before_task_publish

from mission_control.messaging.collected_messages import QueuedMessage
from mission_control.messaging.transport.message_signature import (
    SIGNATURE_HEADER,
    Window,
    message_signature,
    signed_text,
)
from mission_control.signing.keyring import Keyring

EXECUTION_ID: Final = "<mission-control execution id>"
TASK_ID: Final = "<mission-control task id>"
SCHEDULED_TIME: Final = "<mission-control scheduled time>"
EXPIRES: Final = "9998-07-06T05:04:03.210000+00:00"  # Celery reads it, so it has to be a time
_DELIVERY_TAG: Final = "<mission-control delivery tag>"
_SIGNATURE: Final = "<mission-control signature>"
_MARKS: Final = (EXECUTION_ID, TASK_ID, SCHEDULED_TIME, EXPIRES, _DELIVERY_TAG, _SIGNATURE)


class MessageKind(NamedTuple):
    """What messages have in common that differ in their ids only."""

    handler: str
    queue: str
    priority: int
    soft_limit: float | None
    hard_limit: float | None
    expires: bool


class MessageTemplate:
    """Made of a message that has the marks above in place of ids and times; with keys, each is signed."""

    def __init__(self, message: QueuedMessage, queue: str, keyring: Keyring) -> None:
        self._queue_key = message.queue_key
        envelope = json.loads(message.payload)
        envelope["headers"].pop("celery_beat_task", None)  # a run that is sent again has the same headers
        # Seconds from now on to the mark's time; no Redis transport reads it.
        envelope["properties"].pop("expiration", None)
        self._keyring, self._signed = keyring, [""]
        if keyring:
            self._signed = _pieces(signed_text(envelope, queue))
            envelope["headers"][SIGNATURE_HEADER] = _SIGNATURE
        tag = envelope["properties"]["delivery_tag"]
        head, tail = json.dumps(envelope).replace(tag, _DELIVERY_TAG).split(json.dumps(envelope["body"]), 1)
        self._head, self._tail = _pieces(head), _pieces(tail)
        self._body = _pieces(base64.b64decode(envelope["body"]).decode())

    def fill(
        self, execution_id: str, task_id: str, scheduled_time: str, expires: str | None, window: Window
    ) -> QueuedMessage:
        """Return the message of one run. Ids are of characters that JSON writes as they are."""
        fillings = (execution_id, task_id, scheduled_time, expires or "", os.urandom(16).hex(), "")
        values = dict(zip(_MARKS, fillings, strict=True))
        body = base64.b64encode(_filled(self._body, values).encode()).decode()
        if self._keyring:
            text = _filled(self._signed, values)
            values[_SIGNATURE] = message_signature(window, text, body, self._keyring)
        payload = f'{_filled(self._head, values)}"{body}"{_filled(self._tail, values)}'
        return QueuedMessage(self._queue_key, payload)


def _pieces(text: str) -> list[str]:
    """Take a text apart at its marks, which stay between the pieces.

    >>> _pieces(f"id: {TASK_ID}!")
    ['id: ', '<mission-control task id>', '!']
    """
    return re.split(f"({'|'.join(map(re.escape, _MARKS))})", text)


def _filled(pieces: list[str], values: dict[str, str]) -> str:
    parts = pieces[:]
    parts[1::2] = [values[mark] for mark in pieces[1::2]]
    return "".join(parts)


def is_traced() -> bool:
    """Whether a tool wants to see each message as it is made.

    It says so by listening to Celery's signals (as OpenTelemetry does), or by putting a function of its own
    in place of one that Celery or kombu defines (as Sentry and others do).
    """
    if before_task_publish.receivers or after_task_publish.receivers:
        return True
    return is_replaced(Celery.send_task, "celery.app.base") or is_replaced(
        kombu.Producer.publish, "kombu.messaging"
    )


def is_replaced(function: object, module: str) -> bool:
    """Whether a function of a library's module is another's."""
    # A wrapper that takes over the module's name says what it wraps.
    return hasattr(function, "__wrapped__") or getattr(function, "__module__", None) != module
