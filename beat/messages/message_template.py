"""Messages in kombu's wire format: one built by Celery and kombu for each kind, the rest filled in.

Building a message takes Celery and kombu 200 µs; runs of the same handler, queue, priority and limits
differ in a few ids only. So one message is built by them, with marks in place of the ids, and kept.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import uuid4

from celery import Celery
from kombu import Producer

from mission_control.model.values.instants import format_instant

_EXECUTION_ID: Final = "<mission-control execution id>"
_TASK_ID: Final = "<mission-control task id>"
_SCHEDULED_TIME: Final = "<mission-control scheduled time>"
_EXPIRES: Final = "9998-07-06T05:04:03.210000+00:00"  # Celery reads it, so it has to be a time
_DELIVERY_TAG: Final = "<mission-control delivery tag>"


class MessageKind(NamedTuple):
    """What messages have in common that differ in their ids only."""

    handler: str
    queue: str
    priority: int
    soft_limit: float | None
    hard_limit: float | None
    expires: bool


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message as the broker stores it, and the list it belongs on."""

    queue_key: str
    payload: str


class CollectingBatch:
    """Stands in for kombu's publish batch: keeps the broker commands instead of sending them."""

    def __init__(self, channel: Any) -> None:  # noqa: ANN401  # kombu's channel
        self.channel = channel
        self.collected: list[QueuedMessage] = []

    def publish(self, message: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # kombu's arguments
        """Have the channel route a message; its commands come back through `add`."""
        return self.channel.basic_publish(message, _publish_batch=self, **kwargs)

    def add(self, name: str, *args: Any) -> None:  # noqa: ANN401
        """Keep a command that puts a message on a list; expiry of queues is not used here."""
        if name == "lpush":
            key, payload = args
            self.collected.append(QueuedMessage(key, payload))

    def flush(self) -> None:
        """Send nothing."""

    discard = close = flush


def collect_messages(producer: Producer, publish: Callable[[], Any]) -> list[QueuedMessage]:
    """Return what `publish` would have sent through `producer`, without sending it."""
    channel = producer.channel
    batch = CollectingBatch(channel)
    channel.create_publish_batch = lambda max_size: batch  # noqa: ARG005  # the seam kombu looks for
    try:
        with producer.batch():
            publish()
    finally:
        del channel.create_publish_batch
    return batch.collected


class MessageTemplate:
    """A message with gaps where the ids go."""

    def __init__(self, message: QueuedMessage) -> None:
        self.queue_key = message.queue_key
        envelope = json.loads(message.payload)
        # Seconds from now on to the mark's time; no Redis transport reads it.
        envelope["properties"].pop("expiration", None)
        body = base64.b64decode(envelope["body"]).decode()
        self._body = _Gaps(body)
        tag = envelope["properties"]["delivery_tag"]
        mark = json.dumps(envelope["body"])
        head, tail = json.dumps(envelope).replace(tag, _DELIVERY_TAG).split(mark, 1)
        self._head, self._tail = _Gaps(head), _Gaps(tail)

    def fill(
        self, *, execution_id: str, task_id: str, scheduled_time: datetime, expires: datetime | None
    ) -> QueuedMessage:
        """Return the message of one run. Ids are of characters that JSON writes as they are."""
        values = {
            _EXECUTION_ID: execution_id,
            _TASK_ID: task_id,
            _SCHEDULED_TIME: format_instant(scheduled_time),
            _EXPIRES: "" if expires is None else expires.isoformat(),
            _DELIVERY_TAG: str(uuid4()),
        }
        body = base64.b64encode(self._body.fill(values).encode()).decode()
        return QueuedMessage(self.queue_key, f'{self._head.fill(values)}"{body}"{self._tail.fill(values)}')


class MessageTemplates:
    """The templates of one Celery application, built when a kind is first needed."""

    def __init__(self, app: Celery, producer: Callable[[], Producer]) -> None:
        self._app = app
        self._producer = producer
        self._templates: dict[MessageKind, MessageTemplate] = {}

    def of(self, kind: MessageKind) -> MessageTemplate:
        """Return the template for a kind of message."""
        template = self._templates.get(kind)
        if template is None:
            template = self._templates[kind] = MessageTemplate(self._build(kind))
        return template

    def _build(self, kind: MessageKind) -> QueuedMessage:
        producer = self._producer()
        built = collect_messages(
            producer,
            lambda: self._app.send_task(
                kind.handler,
                kwargs={
                    "task_id": _TASK_ID,
                    "scheduled_time": _SCHEDULED_TIME,
                    "execution_id": _EXECUTION_ID,
                },
                task_id=_EXECUTION_ID,
                queue=kind.queue,
                priority=kind.priority,
                soft_time_limit=kind.soft_limit,
                time_limit=kind.hard_limit,
                expires=_EXPIRES if kind.expires else None,
                producer=producer,
                declare=[],  # asks Redis, and a queue that is there needs no declaring
            ),
        )
        return built[0]


class _Gaps:
    """A text in pieces, with the marks that stand between them."""

    def __init__(self, text: str) -> None:
        self._pieces: list[str] = [text]
        for mark in (_EXECUTION_ID, _TASK_ID, _SCHEDULED_TIME, _EXPIRES, _DELIVERY_TAG):
            self._pieces = [part for piece in self._pieces for part in _split(piece, mark)]

    def fill(self, values: dict[str, str]) -> str:
        return "".join([values.get(piece, piece) for piece in self._pieces])


def _split(text: str, mark: str) -> list[str]:
    parts = text.split(mark)
    return [parts[0], *(piece for part in parts[1:] for piece in (mark, part))]
