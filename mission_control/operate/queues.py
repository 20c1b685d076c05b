"""How many messages wait in the broker's queues, and since when."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Final

from redis import Redis
from redis.exceptions import RedisError

from mission_control.errors import StoreUnavailableError
from mission_control.ledger.run_reader import RunReader
from mission_control.messaging.transport.turns import lanes_of
from mission_control.model.policies.recovery import sent_at

if TYPE_CHECKING:
    from celery import Celery

# Kombu notes every exchange that a client has sent to; Celery's direct exchanges are called like their queue.
_BINDINGS: Final = "_kombu.binding."
_OF_CELERY: Final = ("celeryev", "pidbox")
_MOST_ASKED: Final = 100
_LOOK_EVERY: Final = 60.0


@dataclass(frozen=True)
class QueueState:
    """A queue with messages; `oldest` is when the one that waits longest was sent, if the ledger knows.

    With very many tasks waiting, it is that of those whose turns are next.
    """

    name: str
    waiting: int
    oldest: datetime | None


def waiting_queues(app: Celery, ledger: RunReader, names: Collection[str]) -> list[QueueState]:
    """Return the queues with messages: those of `names`, and others that a Celery client has sent to.

    Others are looked for among all keys of the broker: by a process's first question, then once a minute at
    most, in a thread. A broker other than Redis cannot be looked into: no queue is returned.

    Raises:
        StoreUnavailableError: the broker cannot be reached.
    """
    from kombu.exceptions import OperationalError

    try:
        with app.connection_for_read() as connection, connection.channel() as channel:
            if not hasattr(channel, "conn_or_acquire"):
                return []
            with channel.conn_or_acquire() as client:
                lists_of = {
                    name: [channel._q_for_pri(name, step) for step in channel.priority_steps]  # noqa: SLF001
                    for name in sorted({*names, *_Others(app).names(client)})
                }
                found = [_state(client, ledger, name, lists) for name, lists in lists_of.items()]
    except (OperationalError, RedisError) as error:
        raise StoreUnavailableError(f"the broker cannot be reached: {error}") from error
    return [one for one in found if one.waiting]


@lru_cache(8)
class _Others:
    """The queues that clients of an application's broker have sent to, as far as they are known."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._found: set[str] | None = None
        self._finding = Lock()
        self._look_at = 0.0

    def names(self, client: Redis) -> set[str]:
        now = time.monotonic()
        with self._finding:
            if self._found is None:
                self._found, self._look_at = _sent_to(client), now + _LOOK_EVERY
        if now >= self._look_at:
            self._look_at = now + _LOOK_EVERY
            Thread(target=self._look, name="queues", daemon=True).start()
        return self._found

    def _look(self) -> None:
        from kombu.exceptions import OperationalError

        with suppress(OperationalError, RedisError), self._app.connection_for_read() as connection:
            self._found = _sent_to(connection.default_channel.client)


def _sent_to(client: Redis) -> set[str]:
    keys = (key.decode(errors="replace") for key in client.scan_iter(f"{_BINDINGS}*", count=1_000))
    names = (key.removeprefix(_BINDINGS) for key in keys)
    return {name for name in names if not any(word in name for word in _OF_CELERY)}


def _state(client: Redis, ledger: RunReader, name: str, lists: Sequence[str]) -> QueueState:
    with client.pipeline(transaction=False) as pipe:
        for key in [*lists, *lanes_of(client, lists)]:
            pipe.llen(key)
            pipe.lindex(key, -1)  # taken next
        found: list[Any] = pipe.execute(raise_on_error=False)  # a key of another type is no queue
    waiting = sum(length for length in found[::2] if isinstance(length, int))
    messages = [message for message in found[1::2] if isinstance(message, bytes)]
    sent = [_sent(ledger, message) for message in messages[:_MOST_ASKED]]
    return QueueState(name, waiting, min((one for one in sent if one is not None), default=None))


def _sent(ledger: RunReader, message: bytes) -> datetime | None:
    try:
        run = ledger.get(str(json.loads(message)["headers"]["id"]))
    except (ValueError, LookupError, TypeError):  # not a message of ours
        return None
    return None if run is None else sent_at(run)
