"""The messages that this process holds, and the thread that renews them."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Final

from redis.exceptions import RedisError

from mission_control.events import events
from mission_control.messaging.transport.message_problem import BadMessageError
from mission_control.messaging.transport.unacked import QueueLists, Unacked, give_back

# Two renewals may fail before a message becomes visible to others.
_RENEWALS_PER_VISIBILITY: Final = 3
_TRY_AGAIN_SECONDS: Final = 0.5
_ACKNOWLEDGED_WITHIN_SECONDS: Final = 1.0


class HeldMessages:
    """The messages of one broker that this process holds, over all its channels and across reconnects.

    Guarantees: while this process runs Python and Redis answers it, its messages do not become visible to
    others, however long a handler runs, in every pool, even if no event loop runs. Acknowledgements and
    returns that Redis did not confirm are sent again when it is back.
    Does not guarantee anything for a process that is stopped longer than the visibility timeout.
    """

    def __init__(self, unacked: Unacked, lists: QueueLists, visibility_seconds: float) -> None:
        self.unacked = unacked
        self._lists = lists
        self._pause = visibility_seconds / _RENEWALS_PER_VISIBILITY
        self._lock = threading.Lock()
        self._tags: set[str] = set()
        # What Redis has not confirmed, to be sent again in this order; each may be sent twice.
        self._pending: deque[Callable[[], object]] = deque()
        self._done: deque[str] = deque()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()

    def __contains__(self, tag: str) -> bool:
        return tag in self._tags

    def add(self, tag: str) -> None:
        """Begin to renew a message that is, or is about to be, delivered."""
        with self._lock:
            self._tags.add(tag)
            self._start()

    def discard(self, tag: str) -> None:
        """Stop renewing a message."""
        self._tags.discard(tag)

    def acknowledge(self, tag: str) -> None:
        """Acknowledge a message, now or when Redis is back."""
        self._tags.discard(tag)
        try:
            self.unacked.forget(tag)
        except RedisError:
            self.acknowledge_later([tag])

    def acknowledge_soon(self, tag: str) -> None:
        """Acknowledge a message with the next fetch, which takes it by `take_done`, or within a second."""
        with self._lock:
            self._tags.discard(tag)
            self._done.append(tag)
            self._start()

    def take_done(self) -> list[str]:
        """Return the messages to be acknowledged with a fetch; `acknowledge_later` if it fails."""
        return [self._done.popleft() for _ in range(len(self._done))]

    def acknowledge_later(self, tags: Iterable[str]) -> None:
        """Acknowledge messages when Redis is there; it may have been done."""
        for tag in tags:
            self._do_later(partial(self.unacked.forget, tag))

    def give_back_later(self, tags: Iterable[str]) -> None:
        """Put messages back on their queues when Redis is there; unknown tags are ignored."""
        for tag in tags:
            self._tags.discard(tag)
            self._do_later(partial(self._give_back, tag))

    def give_back_all(self) -> None:
        """Put all held messages back on their queues now, because this process ends."""
        for tag in tuple(self._tags):
            self._tags.discard(tag)
            self._give_back(tag)
        self.acknowledge_done()

    def push_later(self, queue_key: str, payload: bytes) -> None:
        """Put back a message that was popped but not noted as delivered."""
        self._do_later(partial(self.unacked.push, queue_key, payload))

    def acknowledge_done(self) -> None:
        """Acknowledge now what no fetch has taken along."""
        if done := self.take_done():
            try:
                self.unacked.forget(*done)
            except RedisError:
                self._done.extend(done)
                raise

    def _give_back(self, tag: str) -> None:
        with suppress(BadMessageError):  # it becomes visible, and then goes to the dead letters
            give_back(self.unacked, tag, self._lists)

    def _do_later(self, action: Callable[[], object]) -> None:
        with self._lock:
            self._pending.append(action)
            self._start()
        self._wake.set()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="held messages", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        renew_at = time.monotonic() + self._pause
        while True:
            pause = _TRY_AGAIN_SECONDS if self._pending else max(0.0, renew_at - time.monotonic())
            self._wake.wait(min(pause, _ACKNOWLEDGED_WITHIN_SECONDS))
            self._wake.clear()
            try:
                self._act_on_pending()
                self.acknowledge_done()
                if time.monotonic() >= renew_at:
                    self._renew()
                    renew_at = time.monotonic() + self._pause
                    events.redis_is_back("broker")
            except RedisError as error:
                events.waiting_for_redis(error, "broker")
                time.sleep(_TRY_AGAIN_SECONDS)
            except Exception as error:  # noqa: BLE001  # without this thread messages become visible to others
                events.service_failed("held messages", error)
                time.sleep(_TRY_AGAIN_SECONDS)
            if self._may_rest():
                return

    def _act_on_pending(self) -> None:
        while self._pending:
            action = self._pending.popleft()
            try:
                action()
            except BaseException:
                # Last, so that one that fails for good does not delay the others.
                self._pending.append(action)
                raise

    def _may_rest(self) -> bool:
        with self._lock:
            if self._tags or self._pending or self._done:
                return False
            self._thread = None
            return True

    def _renew(self) -> None:
        tags = list(self._tags)
        # The intersection leaves out what was acknowledged during the call: no other process has that.
        taken_away = self._tags.intersection(self.unacked.renew(tags)) if tags else set()
        if taken_away:
            self._tags -= taken_away
            events.messages_redelivered(len(taken_away))


_of_processes: Final[dict[tuple[int, str], HeldMessages]] = {}


def held_messages(broker: str, make: Callable[[], HeldMessages]) -> HeldMessages:
    """Return what this process holds of the broker at that URL, made by `make` when first asked for.

    The process id is part of the key: after a fork the thread and its connection stay in the parent.
    """
    key = (os.getpid(), broker)
    if key not in _of_processes:
        _of_processes[key] = make()
    return _of_processes[key]


def give_back_held_messages() -> None:
    """Put all messages that this process holds, of every broker, back on their queues.

    Raises:
        RedisError: a broker did not answer; its messages go to others when they become visible.
    """
    for (process, _), held in tuple(_of_processes.items()):
        if process == os.getpid():
            held.give_back_all()
