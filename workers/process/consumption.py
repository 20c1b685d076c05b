"""Whether a worker's consumer really takes messages, and what is done about one that does not.

A worker can answer `ping`, and turn its loop, while nothing asks the broker for messages any more, or its
loop can hang in a call. Neither mends itself, so the first is made to connect anew, and both end the
process, if need be, for its supervisor to start it again.
"""

from __future__ import annotations

import math
import os
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from celery import bootsteps
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from mission_control.events import events
from workers.tasks.handler_tasks import watch_of

if TYPE_CHECKING:
    from celery import Celery

STUCK_AFTER_SECONDS: Final = 20.0
"""A consumer asks for messages every second; twice over what a lost connection takes to be noticed."""

HANGS_AFTER_SECONDS: Final = 60.0
MOST_RECONNECTIONS: Final = 3
_LOOK_EVERY_SECONDS: Final = 5.0
_EXIT_CODE: Final = 70  # EX_SOFTWARE of sysexits(3)


class StuckConsumerError(RedisConnectionError):
    """Told to Celery as a lost connection, so that it makes a new one."""


@dataclass
class Consumption:
    """What one worker process knows of its consumer; the clock is `time.monotonic`."""

    turned_at: float
    reconnections: int = 0
    thread: int = field(default_factory=threading.get_ident)
    """The thread of its loop."""
    excused_at: float = -math.inf
    """When it was last seen that it may have no message: its hands are full, or it was told to pause."""

    def seconds_without_asking(self, channel: Any, *, since: float, now: float) -> float:  # noqa: ANN401  # kombu's
        """Return for how long a consumer has asked for no message that it may have; 0 if it may have none.

        A broker other than Redis is not asked, but sends by itself. One that was told to take nothing
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
        """Note a turn of the consumer's loop; return whether it takes messages.

        `since` is when it began, or when its loop was last free to ask.
        One that has just begun is believed to; one that was stuck only when it has asked for some.

        Raises:
            StuckConsumerError: it has taken none for too long.
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
            events.consumer_stuck(silent, "ending, to be started again")
            os._exit(_EXIT_CODE)
        events.consumer_stuck(silent, "connecting anew")
        raise StuckConsumerError(f"no message was asked for in {silent:.0f} s")


def _has_asked(channel: Any, since: float) -> bool:  # noqa: ANN401
    """Whether a consumer has asked for messages since then, or has its hands full of them."""
    if not hasattr(channel, "_brpop_sent_at") or not channel.qos.can_consume():
        return True
    asked_at = channel._brpop_sent_at  # noqa: SLF001  # kombu's
    return asked_at is not None and asked_at > since


def consumption_of(worker: Any) -> Consumption:  # noqa: ANN401  # Celery's worker
    """Return what is known of a worker's consumer; the same object for all its consumers."""
    found = getattr(worker, "consumption", None)
    if found is None:
        found = worker.consumption = Consumption(turned_at=time.monotonic())
    assert isinstance(found, Consumption)  # noqa: S101  # nobody else uses that name
    return found


class WatchdogStep(bootsteps.StartStopStep):
    """Ends a worker whose loop hangs although Redis answers, for its supervisor to start it again.

    A loop that waits for a Redis that is away, the ledger's or the broker's, does not hang, nor does a solo
    worker's that runs a handler.
    """

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:  # noqa: ANN401  # Celery's worker
        super().__init__(parent, **kwargs)
        self._is_over = threading.Event()

    def start(self, parent: Any) -> None:  # noqa: ANN401
        """Begin to look after the loop."""
        arguments = (consumption_of(parent), parent.app)
        threading.Thread(target=self._run, args=arguments, name="watchdog", daemon=True).start()

    def stop(self, parent: Any) -> None:  # noqa: ANN401, ARG002
        """Let the loop be: it ends."""
        self._is_over.set()

    def _run(self, consumption: Consumption, app: Celery) -> None:
        answers_since: float | None = None
        while not self._is_over.wait(_LOOK_EVERY_SECONDS):
            now = time.monotonic()
            has_turned = now - consumption.turned_at < 2 * _LOOK_EVERY_SECONDS
            runs_a_handler = watch_of(app).occupies(consumption.thread)
            if has_turned or runs_a_handler or not _answers(app):
                answers_since = None
            elif answers_since is None:
                answers_since = now
            if hangs(now, turned_at=consumption.turned_at, answers_since=answers_since):
                events.consumer_stuck(now - consumption.turned_at, "ending, to be started again")
                os._exit(_EXIT_CODE)


def hangs(now: float, *, turned_at: float, answers_since: float | None) -> bool:
    """Whether a loop that turned last at `turned_at` hangs, seen that Redis answers since then (None: not).

    >>> hangs(100.0, turned_at=39.0, answers_since=30.0)
    True
    >>> hangs(100.0, turned_at=39.0, answers_since=50.0)
    False
    >>> hangs(100.0, turned_at=39.0, answers_since=None)
    False
    """
    return answers_since is not None and now - max(turned_at, answers_since) >= HANGS_AFTER_SECONDS


def _answers(app: Celery) -> bool:
    """Whether the ledger and the broker, which may be two servers, can both be talked to."""
    try:
        app.installation().client.ping()
        with app.connection_for_read() as broker:
            broker.connect()
    except (RedisError, OSError, OperationalError):
        return False
    return True
