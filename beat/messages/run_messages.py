"""The messages of runs: filled into a template, or each made on its own for tools that look at each."""

from datetime import datetime, timedelta

from celery import Celery
from celery.beat import ScheduleEntry
from celery.schedules import BaseSchedule
from redbeat.schedulers import RedBeatScheduler

from beat.messages.celery_schedule import celery_schedule
from beat.messages.entry_sender import EntrySender
from mission_control.messaging.collected_messages import QueuedMessage
from mission_control.messaging.message import RUN_HEADER
from mission_control.messaging.message_template import (
    EXECUTION_ID,
    EXPIRES,
    SCHEDULED_TIME,
    TASK_ID,
    MessageKind,
    MessageTemplate,
    is_replaced,
    is_traced,
)
from mission_control.messaging.transport.message_signature import Window
from mission_control.model.definitions.schedules import Schedule
from mission_control.model.values.instants import format_instant
from mission_control.signing.keyring import NO_KEYS, Keyring


class RunMessages:
    """Makes messages as Celery and kombu would, by the scheduler's own `apply_async`.

    Building one takes them 200 µs; runs of the same handler, queue, priority and limits differ in a few ids
    only. So one is built for each kind, with marks in place of the ids, and filled in. If tools look
    (`is_traced`), each is built, from an entry with the task's id and its schedule in Celery's words.
    """

    def __init__(
        self,
        app: Celery,
        sender: EntrySender,
        *,
        keyring: Keyring = NO_KEYS,
        signed_for: timedelta = timedelta(0),
    ) -> None:
        self._app = app
        self._keyring = keyring
        self._signed_for = signed_for.total_seconds()
        self._sender = sender
        self._templates: dict[MessageKind, MessageTemplate] = {}
        self.is_traced = is_traced() or is_replaced(RedBeatScheduler.apply_async, "celery.beat")

    def message(  # all that a message is made of
        self,
        kind: MessageKind,
        schedule: Schedule,
        *,
        execution_id: str,
        task_id: str,
        scheduled_time: datetime,
        expires: datetime | None,
        now: datetime,
    ) -> QueuedMessage:
        """Return the message of one run. Ids are of characters that JSON writes as they are."""
        moment, text = format_instant(scheduled_time), None if expires is None else expires.isoformat()
        if self.is_traced:
            shown = celery_schedule(schedule, self._app)
            return self._built(kind, shown, execution_id, task_id, moment, text)
        template = self._templates.get(kind)
        if template is None:
            expires_mark = EXPIRES if kind.expires else None
            built = self._built(kind, BaseSchedule(), EXECUTION_ID, TASK_ID, SCHEDULED_TIME, expires_mark)
            template = self._templates[kind] = MessageTemplate(built, kind.queue, self._keyring)
        window = Window.of({}, now, self._signed_for)
        return template.fill(execution_id, task_id, moment, text, window)

    def _built(  # as above
        self,
        kind: MessageKind,
        schedule: BaseSchedule,
        execution_id: str,
        task_id: str,
        scheduled_time: str,
        expires: str | None,
    ) -> QueuedMessage:
        entry = ScheduleEntry(
            name=task_id,
            task=kind.handler,
            schedule=schedule,
            kwargs={"task_id": task_id, "scheduled_time": scheduled_time, "execution_id": execution_id},
            options={
                "task_id": execution_id,
                "queue": kind.queue,
                "priority": kind.priority,
                "soft_time_limit": kind.soft_limit,
                "time_limit": kind.hard_limit,
                "expires": expires,
                "declare": [],  # asks Redis, and a queue that is there needs no declaring
                "headers": {RUN_HEADER: True},
            },
            app=self._app,
        )
        (message,) = self._sender.collect(entry)
        return message
