"""Messages made one by one, for tools that trace or monitor each of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import kombu
from celery import Celery
from celery.beat import ScheduleEntry
from celery.signals import after_task_publish, before_task_publish
from kombu import Producer
from redbeat.schedulers import RedBeatScheduler

from beat.messages.celery_schedule import celery_schedule
from beat.messages.message_template import MessageKind, QueuedMessage, collect_messages
from mission_control.model.definitions.schedules import Schedule
from mission_control.model.values.instants import format_instant


@dataclass(frozen=True, slots=True)
class PlainFiring:
    """How RedBeat sends an entry: by the scheduler's own method, through a kombu producer."""

    producer: Callable[[], Producer]
    apply_async: Callable[..., object]


def is_traced() -> bool:
    """Whether a tool wants to see each message as it is made.

    It says so by listening to Celery's signals (as OpenTelemetry does), or by putting a function of its own
    in place of one that Celery, kombu or RedBeat defines (as Sentry and others do).
    """
    if before_task_publish.receivers or after_task_publish.receivers:
        return True
    made_elsewhere = (
        _is_replaced(RedBeatScheduler.apply_async, "celery.beat"),
        _is_replaced(Celery.send_task, "celery.app.base"),
        _is_replaced(kombu.Producer.publish, "kombu.messaging"),
    )
    return any(made_elsewhere)


def _is_replaced(function: Any, module: str) -> bool:  # noqa: ANN401  # whatever a tool has put there
    # A wrapper that takes over the module's name says what it wraps.
    return hasattr(function, "__wrapped__") or getattr(function, "__module__", None) != module


class TracedMessages:
    """Makes each message of ours as RedBeat makes those of its entries: slower, and each with own headers.

    The run's message is the same as one of `MessageTemplates` but for what the tools put into it. A tool
    is shown an entry named by the task's id, with the schedule in Celery's words where it has them.
    """

    def __init__(self, app: Celery, firing: PlainFiring) -> None:
        self._app = app
        self._firing = firing

    def message(
        self,
        kind: MessageKind,
        schedule: Schedule,
        *,
        execution_id: str,
        task_id: str,
        scheduled_time: datetime,
        expires: datetime | None,
    ) -> QueuedMessage:
        """Return the message of one run."""
        entry = ScheduleEntry(
            name=task_id,
            task=kind.handler,
            schedule=celery_schedule(schedule, self._app),
            kwargs={
                "task_id": task_id,
                "scheduled_time": format_instant(scheduled_time),
                "execution_id": execution_id,
            },
            options={
                "task_id": execution_id,
                "queue": kind.queue,
                "priority": kind.priority,
                "soft_time_limit": kind.soft_limit,
                "time_limit": kind.hard_limit,
                "expires": expires,
                "declare": [],  # asks Redis, and a queue that is there needs no declaring
            },
            app=self._app,
        )
        producer = self._firing.producer()
        (message,) = collect_messages(
            producer, lambda: self._firing.apply_async(entry, producer=producer, advance=False)
        )
        return message
