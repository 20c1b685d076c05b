"""The watchdogs of a worker: over its consumer, which must take messages, and over those its pool lost."""

import math
import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary

from celery import Celery, bootsteps
from celery.worker import state
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from mission_control.events import events
from workers.attempt.attempt_guard import AttemptGuard

STUCK_AFTER_SECONDS: Final = 20.0
"""A consumer asks for messages every second; twice the time in which it notices a lost connection."""

HANGS_AFTER_SECONDS: Final = 60.0
MOST_RECONNECTIONS: Final = 3
_LOOK_EVERY_SECONDS: Final = 5.0
_EXIT_CODE: Final = 70  # EX_SOFTWARE of sysexits(3)
TAKEN_WITHIN_SECONDS: Final = 20.0
"""A free process takes a job in milliseconds; one that is being started, in seconds."""


class StuckConsumerError(RedisConnectionError):
    """Reported to Celery as a lost connection, so that it reconnects."""


@dataclass
class ConsumerState:
    """The state of a worker process's consumer; the clock is `time.monotonic`."""

    turned_at: float
    reconnections: int = 0
    thread: int = field(default_factory=threading.get_ident)
    """The thread of the loop."""
    excused_at: float = -math.inf
    """When it last could not take a message, because it is full or paused."""

    def seconds_without_asking(self, channel: Any, *, since: float, now: float) -> float:  # noqa: ANN401  # kombu's
        """Return for how long the consumer has not asked, although it could take a message; else 0.

        A broker other than Redis is not asked; it pushes messages. A paused consumer
        (`control.cancel_consumer`) has no active queues.
        """
        if not hasattr(channel, "_brpop_sent_at"):
            return 0.0
        if not channel.active_queues or not channel.qos.can_consume():
            self.excused_at = now
            return 0.0
        asked_at = channel._brpop_sent_at  # noqa: SLF001  # kombu's
        return now - max(since, self.excused_at, asked_at if asked_at is not None else since)

    def check(self, channel: Any, *, since: float) -> bool:  # noqa: ANN401
        """Note a turn of the consumer's loop; return whether the consumer takes messages.

        `since` is when it began, or when its loop was last free to ask. A new consumer counts as taking
        messages; one that was stuck does so only after it has asked for some.

        Raises:
            StuckConsumerError: it has asked for none for `STUCK_AFTER_SECONDS`.
        """
        now = self.turned_at = time.monotonic()
        self.thread = threading.get_ident()
        silent = self.seconds_without_asking(channel, since=since, now=now)
        if silent < STUCK_AFTER_SECONDS / 2:
            if _has_asked(channel, since):
                self.reconnections = 0
            return self.reconnections == 0
        if silent >= STUCK_AFTER_SECONDS:
            self._reconnect_or_end(silent)
        return False

    def _reconnect_or_end(self, silent: float) -> None:
        self.reconnections += 1
        if self.reconnections > MOST_RECONNECTIONS:
            events.consumer_stuck(silent, "ending; the supervisor starts it again")
            os._exit(_EXIT_CODE)
        events.consumer_stuck(silent, "reconnecting")
        raise StuckConsumerError(f"the consumer has not asked for messages for {silent:.0f} s")


def _has_asked(channel: Any, since: float) -> bool:  # noqa: ANN401
    """Whether a consumer has asked for messages since then, or is full."""
    if not hasattr(channel, "_brpop_sent_at") or not channel.qos.can_consume():
        return True
    asked_at = channel._brpop_sent_at  # noqa: SLF001  # kombu's
    return asked_at is not None and asked_at > since


def consumer_state(worker: Any) -> ConsumerState:  # noqa: ANN401  # Celery's worker
    """Return the state of a worker's consumer; the same object after a reconnection."""
    found = getattr(worker, "consumer_state", None)
    if found is None:
        found = worker.consumer_state = ConsumerState(turned_at=time.monotonic())
    assert isinstance(found, ConsumerState)  # noqa: S101  # Celery does not use that name
    return found


class WatchdogStep(bootsteps.StartStopStep):
    """Ends a worker whose loop hangs although Redis answers; its supervisor starts it again.

    A loop does not hang while it waits for the ledger's or the broker's Redis, or while a solo worker runs
    a handler in it.
    """

    client: Redis
    guard: AttemptGuard

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:  # noqa: ANN401  # Celery's worker
        super().__init__(parent, **kwargs)
        self._is_over = threading.Event()

    def start(self, parent: Any) -> None:  # noqa: ANN401
        """Start the thread that watches the loop."""
        arguments = (consumer_state(parent), parent.app)
        threading.Thread(target=self._run, args=arguments, name="watchdog", daemon=True).start()

    def stop(self, parent: Any) -> None:  # noqa: ANN401, ARG002
        """Stop watching: the loop ends."""
        self._is_over.set()

    def _run(self, consumer: ConsumerState, app: Celery) -> None:
        answers_since: float | None = None
        while not self._is_over.wait(_LOOK_EVERY_SECONDS):
            now = time.monotonic()
            has_turned = now - consumer.turned_at < 2 * _LOOK_EVERY_SECONDS
            runs_a_handler = self.guard.occupies(consumer.thread)
            if has_turned or runs_a_handler or not self._answers(app):
                answers_since = None
            elif answers_since is None:
                answers_since = now
            if hangs(now, turned_at=consumer.turned_at, answers_since=answers_since):
                events.consumer_stuck(now - consumer.turned_at, "ending; the supervisor starts it again")
                os._exit(_EXIT_CODE)

    def _answers(self, app: Celery) -> bool:
        """Whether the ledger's and the broker's Redis, which may be two servers, both answer."""
        try:
            self.client.ping()
            with app.connection_for_read() as broker:
                broker.connect()
        except (RedisError, OSError, OperationalError):
            return False
        return True


def hangs(now: float, *, turned_at: float, answers_since: float | None) -> bool:
    """Whether a loop that last turned at `turned_at` hangs; Redis answers since `answers_since`, if at all.

    >>> hangs(100.0, turned_at=39.0, answers_since=30.0)
    True
    >>> hangs(100.0, turned_at=39.0, answers_since=50.0)
    False
    >>> hangs(100.0, turned_at=39.0, answers_since=None)
    False
    """
    return answers_since is not None and now - max(turned_at, answers_since) >= HANGS_AFTER_SECONDS


class LostDeliveries:
    """Finds the requests that wait for a process of a pool, and ends the process that does not take one."""

    def __init__(self) -> None:
        self._waiting_since: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

    def end_their_processes(self, processes: int) -> bool:
        """End each process that has not taken its job in time: the pool starts another, which does.

        Return whether a message is lost that no living process was given.
        """
        now = time.monotonic()
        active = set(state.active_requests)
        waiting = [one for one in tuple(state.reserved_requests) if one not in active]
        if len(active) >= processes:  # they wait their turn
            self._waiting_since.clear()
            return False
        for request in waiting:
            self._waiting_since.setdefault(request, now)
        overdue = [one for one in waiting if now - self._waiting_since[one] >= TAKEN_WITHIN_SECONDS]
        ended = [self._ends_process_of(request) for request in overdue if _job_of(request) is not None]
        return not all(ended)

    def _ends_process_of(self, request: Any) -> bool:  # noqa: ANN401  # Celery's
        job = _job_of(request)
        process = job._write_to or job._scheduled_for  # noqa: SLF001  # billiard's
        del self._waiting_since[request]
        if process is None or not process._is_alive():  # noqa: SLF001
            return False
        events.delivery_lost(request.id, process.pid)
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        return True


def _job_of(request: Any) -> Any:  # noqa: ANN401
    """Return what the pool has of a request, None if that is not a job for a process."""
    job = None if request._apply_result is None else request._apply_result()  # noqa: SLF001
    return job if hasattr(job, "_write_to") else None
