"""The worker's sign of life, given by its consumer's own event loop."""

from __future__ import annotations

import os
import signal
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from celery import bootsteps
from redis.exceptions import RedisError

from mission_control.events import events
from mission_control.model.values.instants import format_instant
from mission_control.processes.heartbeats import RENEW_EVERY_SECONDS, Heartbeat
from mission_control.processes.supervision import is_orphaned
from mission_control.store import redis_keys
from workers.process.consumption import consumption_of
from workers.tasks.handler_tasks import HandlerTask, watch_of

if TYPE_CHECKING:
    from redis import Redis

    from mission_control.handler_catalog.catalog import HandlerCatalog
    from workers.attempt.watch import Watch

HANDLERS_LIFE_SECONDS: Final = 86_400


class HeartbeatStep(bootsteps.StartStopStep):
    """Tells the installation that this worker is there, which queues it serves and which handlers it has.

    The timer belongs to the consumer, and is heard only while that asks the broker for messages: a worker
    whose loop is stuck falls silent, and so does one that takes no messages (see `consumption`). While a
    handler of the solo pool keeps the loop from turning, the watch over it gives the sign.
    """

    requires = ("celery.worker.consumer:Tasks",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:  # noqa: ANN401  # Celery's consumer
        super().__init__(parent, **kwargs)
        self._timer: Any = None
        self._watch: Watch | None = None
        self._heartbeat: Heartbeat | None = None
        self._publish_handlers_at = 0.0
        self._since = ""
        self._began = 0.0
        self._handlers: list[str] = []
        self._told: dict[str, Any] = {}

    def start(self, parent: Any) -> None:  # noqa: ANN401
        """Begin to give signs of life, now that the consumer takes messages."""
        self._heartbeat = Heartbeat(parent.app.installation().client, "worker", parent.hostname)
        # Of the process, not of this consumer, which is made anew after a lost connection.
        self._since = format_instant(parent.controller.startup_time)
        self._publish_handlers_at = 0.0
        self._began = time.monotonic()
        tasks = parent.app.tasks
        self._handlers = sorted(name for name, task in tasks.items() if isinstance(task, HandlerTask))
        self._watch = watch_of(parent.app)
        self._beat(parent)
        self._watch.beside = partial(self._vouch, threading.get_ident())
        self._timer = parent.timer.call_repeatedly(RENEW_EVERY_SECONDS, self._beat, (parent,))

    def stop(self, parent: Any) -> None:  # noqa: ANN401, ARG002
        """Fall silent: the consumer stops taking messages."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watch is not None:
            self._watch.beside = None
        if self._heartbeat is not None:
            self._quietly(self._heartbeat.end)

    shutdown = stop

    def _beat(self, parent: Any) -> None:  # noqa: ANN401
        heartbeat = self._heartbeat
        if heartbeat is not None:
            if is_orphaned():
                os.kill(os.getpid(), signal.SIGQUIT)  # what its supervisor would have sent
            if not self._takes_messages(parent):
                return
            queues = sorted(queue.name for queue in parent.task_consumer.queues)
            self._told = {
                "since": self._since,
                "queues": queues,
                "concurrency": parent.controller.concurrency,
                "handlers": self._handlers,
            }
            self._quietly(lambda: heartbeat.beat(**self._told))
            installation = parent.app.installation()
            self._quietly(lambda: self._publish_handlers(installation.client, installation.catalog))

    def _takes_messages(self, parent: Any) -> bool:  # noqa: ANN401
        # A handler of the solo pool runs in this very thread, and keeps it from asking for messages.
        last_ended = self._watch.last_ended(threading.get_ident()) if self._watch is not None else 0.0
        since = max(self._began, last_ended)
        return consumption_of(parent.controller).check(parent.task_consumer.channel, since=since)

    def _vouch(self, loop: int) -> None:
        """Give the sign of life for a loop that cannot turn because a handler runs in it."""
        heartbeat = self._heartbeat
        if heartbeat is not None and self._told and self._watch is not None and self._watch.occupies(loop):
            heartbeat.beat(**self._told)

    def _publish_handlers(self, client: Redis, catalog: HandlerCatalog) -> None:
        if time.monotonic() < self._publish_handlers_at:
            return
        with client.pipeline() as pipe:
            for path, source in catalog.handlers().items():
                pipe.hset(redis_keys.HANDLERS, path, source.summary)
            pipe.expire(redis_keys.HANDLERS, HANDLERS_LIFE_SECONDS)
            pipe.execute()
        self._publish_handlers_at = time.monotonic() + HANDLERS_LIFE_SECONDS / 24

    @staticmethod
    def _quietly(action: Any) -> None:  # noqa: ANN401
        try:
            action()
            events.redis_is_back()
        except RedisError as error:  # the consumer has its own way of waiting for Redis
            events.waiting_for_redis(error)
