"""Waiting: on Redis until a due time or until a task changes, and without sleep for the last milliseconds."""

import select
import time
from collections.abc import Callable
from typing import Any, Final

from redis import Redis
from redis.exceptions import NoPermissionError

from mission_control.events import events
from mission_control.store import redis_keys

_CONFIRMED_WITHIN_SECONDS: Final = 4.0

_SLEW_SECONDS: Final = 0.001
"""By how much a clock that is being corrected may lag behind the monotonic one in a wait of two seconds
(adjtimex(2): 500 parts per million at most)."""

WARM_UP_SECONDS: Final = 0.003
"""How long before the due time everything is warmed up. A connection, a server, a processor and its caches
that were idle for a second cost half a millisecond; and Linux lets select() oversleep by a thousandth of its
wait, which is a millisecond after a second but nothing after a few milliseconds."""

SPIN_SECONDS: Final = 0.0005
"""How long before the due time beat waits without sleep: the kernel wakes a sleeping process too late."""


def countdown(until: float, clock: Callable[[], float]) -> Callable[[], float]:
    """Return a function that says how many seconds are left until `clock` (Unix seconds) reads `until`.

    A clock that is set back meanwhile makes it no longer: it ends when as much time has passed as was left
    in the beginning, and the caller looks at the clock again.
    """
    latest = time.monotonic() + until - clock() + _SLEW_SECONDS
    return lambda: min(until - clock(), latest - time.monotonic())


class WakeUp:
    """A subscription to the channel on which every change to the schedule is announced.

    A change that is announced between waits is not lost: its message is there when the next wait begins.
    The first wait, and the first after a reconnect, ends at once, because a change before the subscription
    was not heard. A Redis user without access to the channel gets one warning, and is never woken.
    """

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._pubsub: Any = None
        self._is_deaf = False

    def wait(self, left: Callable[[], float]) -> bool:
        """Wait while `left` says that seconds are left, or less if woken; say whether it was woken.

        Raises:
            RedisError: the subscription broke; the next wait subscribes again.
        """
        try:
            return self._wait(left)
        except BaseException:
            self.close()
            raise

    def is_woken(self) -> bool:
        """Say without waiting or asking Redis whether a change was announced since the last wait."""
        if self._pubsub is None:
            return False  # the first wait ends at once
        readable, _, _ = select.select([self._pubsub.connection._sock], [], [], 0)  # noqa: SLF001
        return bool(readable) and self._drain(self._pubsub)

    def close(self) -> None:
        """End the subscription."""
        if self._pubsub is not None:
            self._pubsub.close()
            self._pubsub = None

    def _wait(self, left: Callable[[], float]) -> bool:
        if self._pubsub is None and not self._is_deaf:
            self._subscribe()
            return True
        sockets = [] if self._is_deaf else [self._pubsub.connection._sock]  # noqa: SLF001
        while (remaining := left()) > 0:
            # poll() of redis-py rounds to milliseconds; select() takes microseconds.
            readable, _, _ = select.select(sockets, [], [], remaining)
            if readable and self._drain(self._pubsub):
                return True
        return False

    def _subscribe(self) -> None:
        self._pubsub = self._client.pubsub()  # type: ignore[no-untyped-call]  # redis-py's
        self._pubsub.subscribe(redis_keys.WAKE_CHANNEL)
        try:
            # What is announced from the server's confirmation on is heard.
            self._pubsub.get_message(timeout=_CONFIRMED_WITHIN_SECONDS)
        except NoPermissionError as error:
            events.wake_up_denied(redis_keys.WAKE_CHANNEL, error)
            self.close()
            self._is_deaf = True

    @staticmethod
    def _drain(pubsub: Any) -> bool:  # noqa: ANN401
        """Read all that has come, and say whether an announcement was among it."""
        is_woken = False
        while (message := pubsub.get_message(timeout=0)) is not None:
            is_woken = is_woken or message["type"] == "message"
        return is_woken


def exactly(
    wait: Callable[[Callable[[], float]], bool], warm_up: Callable[[], object]
) -> Callable[[Callable[[], float]], bool]:
    """Return a `WakeUp.wait` that ends within microseconds, after `warm_up` has used what is needed then."""

    def wait_exactly(left: Callable[[], float]) -> bool:
        if wait(lambda: left() - WARM_UP_SECONDS):
            return True
        if left() > 0:
            warm_up()
        if wait(lambda: left() - SPIN_SECONDS):
            return True
        while left() > 0:
            pass
        return False

    return wait_exactly
