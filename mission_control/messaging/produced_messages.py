"""The messages of runs that producers enter, to be sent in the very step that enters them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from kombu import Producer
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from mission_control.errors import StoreUnavailableError
from mission_control.messaging.collected_messages import QueuedMessage, collected
from mission_control.messaging.message import RUN_HEADER, message_options, send
from mission_control.messaging.message_template import (
    EXECUTION_ID,
    EXPIRES,
    SCHEDULED_TIME,
    TASK_ID,
    MessageKind,
    MessageTemplate,
    is_traced,
)
from mission_control.messaging.transport.message_signature import Window
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.values.instants import format_instant
from mission_control.signing.keyring import Keyring

if TYPE_CHECKING:
    from celery import Celery

_MOST_TEMPLATES: Final = 1_000


class ProducedMessages:
    """Makes messages as `send` would, which takes Celery ten times as long.

    Messages of one kind differ in a few ids only: one is built for each kind, with marks in place of the ids,
    and filled in. If tools look at each message (`is_traced`), each is built.
    """

    def __init__(self, app: Celery, *, keyring: Keyring, signed_for: float) -> None:
        self._app = app
        self._keyring = keyring
        self._signed_for = signed_for
        self._templates: dict[MessageKind, MessageTemplate] = {}

    def maker(self, run: RunRecord, now: datetime) -> Callable[[str], QueuedMessage]:
        """Return what makes the messages of runs, by their ids, that are like this one and due now.

        Raises:
            StoreUnavailableError: the broker cannot be reached.
        """
        if is_traced():
            return lambda execution_id: self._traced(replace(run, execution_id=execution_id))
        template = self._template(run)
        moment, window = format_instant(run.scheduled_time), Window.of({}, now, self._signed_for)
        expires = None if run.expires_at is None else run.expires_at.isoformat()
        return lambda execution_id: template.fill(execution_id, run.task_id, moment, expires, window)

    def _traced(self, run: RunRecord) -> QueuedMessage:
        return self._collected(lambda producer: send(self._app, run, producer=producer, declare=[]))

    def _template(self, run: RunRecord) -> MessageTemplate:
        options = message_options(run)
        limits = options.get("soft_time_limit"), options.get("time_limit")
        kind = MessageKind(run.handler, run.queue, run.priority, *limits, run.expires_at is not None)
        if kind not in self._templates:
            if len(self._templates) >= _MOST_TEMPLATES:
                self._templates.clear()
            message = self._marked(run.handler, options)
            self._templates[kind] = MessageTemplate(message, run.queue, self._keyring)
        return self._templates[kind]

    def _marked(self, handler: str, options: dict[str, Any]) -> QueuedMessage:
        kwargs = {"task_id": TASK_ID, "scheduled_time": SCHEDULED_TIME, "execution_id": EXECUTION_ID}
        # A queue that is there needs no declaring.
        marked = {**options, "task_id": EXECUTION_ID, "headers": {RUN_HEADER: True}, "declare": []}
        if "expires" in options:
            marked["expires"] = EXPIRES
        return self._collected(
            lambda producer: self._app.send_task(handler, kwargs=kwargs, producer=producer, **marked)
        )

    def _collected(self, publish: Callable[[Producer], object]) -> QueuedMessage:
        try:
            with self._app.producer_or_acquire() as producer:
                (message,) = collected(producer, lambda: publish(producer))
        except (OperationalError, RedisError) as error:
            raise StoreUnavailableError(
                f"the broker cannot be reached, and nothing was sent: {error}"
            ) from error
        return message
