"""The messages that this process has in hand, and a thread that says so until it lets go of them."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from redis.exceptions import RedisError

from mission_control.events import events
from mission_control.messaging.transport.message_problem import BadMessageError
from mission_control.messaging.transport.restoring import give_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mission_control.messaging.transport.restoring import QueueLists
    from mission_control.messaging.transport.unacked import Unacked

# Two renewals may fail before a message becomes visible to others.
_RENEWALS_PER_VISIBILITY: Final = 3
_PAY_AGAIN_SECONDS: Final = 0.5


class _Debts(NamedTuple):
    """What Redis could not be told, and has to be."""

    acks: set[str]
    returns: set[str]
    pushes: list[tuple[str, bytes]]

    def any(self) -> bool:
        return bool(self.acks or self.returns or self.pushes)


class HeldMessages:
    """What this process has in hand of one broker, over all its channels and across reconnects.

    Guarantees: as long as this process lives and can run Python, and Redis answers it, what it holds does
    not become visible to others, however long a handler runs, whatever the pool, also while no event
    loop runs. An acknowledgement or a return that Redis could not be told is told when it is back.
    Does not guarantee anything for a process that is stopped longer than the visibility timeout.
    """

    def __init__(self, unacked: Unacked, lists: QueueLists, visibility_seconds: float) -> None:
        self.unacked = unacked
        self._lists = lists
        self._pause = visibility_seconds / _RENEWALS_PER_VISIBILITY
        self._lock = threading.Lock()
        self._tags: set[str] = set()
        self._debts = _Debts(set(), set(), [])
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()

    def __contains__(self, tag: str) -> bool:
        return tag in self._tags

    def add(self, tag: str) -> None:
        """Begin to renew a message. It may be one that is only about to be delivered."""
        with self._lock:
            self._tags.add(tag)
            if self._thread is None:
                self._start()

    def discard(self, tag: str) -> None:
        """Stop renewing a message, with which something else was done."""
        self._tags.discard(tag)

    def acknowledge(self, tag: str) -> None:
        """Acknowledge a message, now or as soon as Redis is there; does not wait for its answer."""
        self._tags.discard(tag)

        def owe() -> None:
            self._owe(lambda debts: debts.acks.add(tag))

        try:
            self.unacked.forget_soon(tag, owe)
        except RedisError:
            owe()

    def give_back_later(self, tags: Iterable[str]) -> None:
        """Put messages on their queues again as soon as Redis is there; a tag of none is no harm."""
        owed = set(tags)
        self._tags -= owed
        self._owe(lambda debts: debts.returns.update(owed))

    def give_back_all(self) -> None:
        """Put all messages in hand on their queues again, now: this process is about to end."""
        for tag in tuple(self._tags):
            self._tags.discard(tag)
            with suppress(BadMessageError):
                give_back(self.unacked, tag, self._lists)

    def push_later(self, queue_key: str, payload: bytes) -> None:
        """Put a message that was popped, and could not be noted as delivered, on its queue again."""
        self._owe(lambda debts: debts.pushes.append((queue_key, payload)))

    def _owe(self, enter: Callable[[_Debts], Any]) -> None:
        with self._lock:
            enter(self._debts)
            if self._thread is None:
                self._start()
        self._wake.set()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="held messages", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        renew_at = time.monotonic() + self._pause
        while True:
            pause = _PAY_AGAIN_SECONDS if self._debts.any() else max(0.0, renew_at - time.monotonic())
            self._wake.wait(pause)
            self._wake.clear()
            try:
                self._pay()
                if time.monotonic() >= renew_at:
                    self._renew()
                    renew_at = time.monotonic() + self._pause
                    events.redis_is_back("broker")
            except RedisError as error:
                events.waiting_for_redis(error, "broker")
                time.sleep(_PAY_AGAIN_SECONDS)
            except Exception as error:  # noqa: BLE001  # without this thread messages become visible to others
                events.service_failed("held messages", error)
                time.sleep(_PAY_AGAIN_SECONDS)
            if self._may_rest():
                return

    def _may_rest(self) -> bool:
        with self._lock:
            if self._tags or self._debts.any():
                return False
            self._thread = None
            return True

    def _renew(self) -> None:
        tags = list(self._tags)
        # What was acknowledged while Redis was asked is not in hand any more, and nobody took it.
        taken_away = self._tags.intersection(self.unacked.renew(tags)) if tags else set()
        if taken_away:
            self._tags -= taken_away
            events.messages_redelivered(len(taken_away))

    def _pay(self) -> None:
        for tag in tuple(self._debts.acks):
            self.unacked.forget(tag)
            self._debts.acks.discard(tag)
        for tag in tuple(self._debts.returns):
            with suppress(BadMessageError):  # whoever finds it visible sets it aside
                give_back(self.unacked, tag, self._lists)
            self._debts.returns.discard(tag)
        while self._debts.pushes:
            self.unacked.push(*self._debts.pushes[0])
            del self._debts.pushes[0]


_of_processes: Final[dict[tuple[int, str], HeldMessages]] = {}


def held_messages(broker: str, make: Callable[[], HeldMessages]) -> HeldMessages:
    """Return what this process holds of the broker at that URL, made by `make` when first asked for.

    The process id is part of the key: after a fork the thread and its connection are the parent's.
    """
    key = (os.getpid(), broker)
    if key not in _of_processes:
        _of_processes[key] = make()
    return _of_processes[key]


def give_back_held_messages() -> None:
    """Put whatever this process holds, of any broker, on its queue again.

    Raises:
        RedisError: a broker could not be told; others see its messages when they become visible.
    """
    for (process, _), held in tuple(_of_processes.items()):
        if process == os.getpid():
            held.give_back_all()
