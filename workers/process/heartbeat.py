"""The worker's heartbeat, sent by its consumer's event loop."""

import os
import signal
import threading
import time
from functools import partial
from itertools import islice
from typing import Any, Final

from celery import bootsteps
from redis import Redis
from redis.exceptions import RedisError

from mission_control.configuration.clock import utc_now
from mission_control.dispatch.waiting_runs import wake_waiting
from mission_control.events import events
from mission_control.messaging.outage_history import store_outages
from mission_control.model.values.instants import format_instant
from mission_control.processes.heartbeats import RENEW_EVERY_SECONDS, Common, Heartbeat
from mission_control.processes.supervision import is_orphaned
from mission_control.store import redis_keys
from workers.attempt.attempt_guard import AttemptGuard
from workers.process.attempt_request import can_kill
from workers.process.consumer_watchdog import LostDeliveries, StuckConsumerError, consumer_state
from workers.process.remote_control import RemoteControl
from workers.tasks.handler_tasks import HandlerTasks

HANDLERS_LIFE_SECONDS: Final = 86_400
MOST_BROKEN: Final = 20


class HeartbeatStep(bootsteps.StartStopStep):
    """Writes to Redis that this worker is alive, which queues it serves and which handlers it has.

    The timer belongs to the consumer: a worker whose loop hangs sends no heartbeat, nor does one that takes
    no messages (see `consumer_watchdog`). While a handler of the solo pool blocks the loop, the attempt
    guard sends the heartbeat.
    """

    client: Redis
    handlers: HandlerTasks
    guard: AttemptGuard
    control: RemoteControl
    channels: list[str]
    common: Common

    requires = ("celery.worker.consumer:Tasks",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:  # noqa: ANN401  # Celery's consumer
        super().__init__(parent, **kwargs)
        self._timer: Any = None
        self._heartbeat: Heartbeat | None = None
        self._publish_handlers_at = 0.0
        self._since = ""
        self._began = 0.0
        self._published: object = None
        self._info: dict[str, Any] = {}

    def start(self, parent: Any) -> None:  # noqa: ANN401
        """Begin to send heartbeats, now that the consumer takes messages."""
        self._heartbeat = Heartbeat(self.client, "worker", parent.hostname)
        # Of the process, not of this consumer: a lost connection leads to another one.
        self._since = format_instant(parent.controller.startup_time)
        self._publish_handlers_at = 0.0
        self._began = time.monotonic()
        self._deliveries = LostDeliveries()
        self._beat(parent)
        self.guard.also = partial(self._vouch, threading.get_ident())
        self._timer = parent.timer.call_repeatedly(RENEW_EVERY_SECONDS, self._beat, (parent,))

    def stop(self, parent: Any) -> None:  # noqa: ANN401, ARG002
        """Stop the heartbeats: the consumer stops taking messages."""
        if self._timer is not None:
            self._timer.cancel()
        self.guard.also = None
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
            self._info = {
                "since": self._since,
                "queues": queues,
                "concurrency": parent.controller.concurrency,
                "handlers": {path: one.digest for path, one in self.handlers.ready.items()},
                "broken": dict(islice(self.handlers.broken.items(), MOST_BROKEN)),
                "changed": [*self.control.changes],
                "common": self.common,
            }
            if self.channels:
                self._info["channels"] = self.channels
            self._quietly(lambda: heartbeat.beat(**self._info))
            self._quietly(self._publish_handlers)
            self._quietly(lambda: store_outages(self.client, "worker", utc_now))

    def _takes_messages(self, parent: Any) -> bool:  # noqa: ANN401
        # A handler of the solo pool runs in this thread, which cannot ask for messages meanwhile.
        since = max(self._began, self.guard.last_ended(threading.get_ident()))
        if can_kill(parent.pool) and self._deliveries.end_their_processes(parent.pool.num_processes):
            raise StuckConsumerError("the pool has lost a message")  # to reconnect gives it back
        return consumer_state(parent.controller).check(parent.task_consumer.channel, since=since)

    def _vouch(self, loop: int) -> None:
        """Send the heartbeat for a loop that cannot turn because a handler runs in it."""
        heartbeat = self._heartbeat
        if heartbeat is not None and self._info and self.guard.occupies(loop):
            heartbeat.beat(**self._info)

    def _publish_handlers(self) -> None:
        ready = self.handlers.ready
        if ready is self._published and time.monotonic() < self._publish_handlers_at:
            return
        with self.client.pipeline() as pipe:
            for path, source in ready.items():
                pipe.hset(redis_keys.HANDLERS, path, source.summary)
            pipe.expire(redis_keys.HANDLERS, HANDLERS_LIFE_SECONDS)
            pipe.execute()
        if ready is not self._published:
            self.handlers.report()
            wake_waiting(self.client, ready, utc_now())
        self._published = ready
        self._publish_handlers_at = time.monotonic() + HANDLERS_LIFE_SECONDS / 24

    @staticmethod
    def _quietly(action: Any) -> None:  # noqa: ANN401
        try:
            action()
            events.redis_is_back()
        except RedisError as error:  # the consumer itself waits for Redis
            events.waiting_for_redis(error)
