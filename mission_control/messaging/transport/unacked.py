"""Messages that were delivered and not acknowledged: kombu's `unacked` and `unacked_index`.

Kombu keeps `unacked[tag] = [message, exchange, routing key]` and `unacked_index[tag] = when`. So do we,
with three differences. `when` is the time of the holder's last renewal, by the Redis server's clock, so no
host's clock can make a message visible too early. The tag belongs to the delivery, not to the message, so a
holder that lost a message cannot acknowledge its next delivery. A message goes back to its queue once, even
if several processes put it back at the same time.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from kombu.utils.json import dumps
from redis import Redis

from mission_control.messaging.transport.message_problem import BadMessageError, read_stored
from mission_control.messaging.transport.turns import TURN_PREFIXES, text_of, turns_source
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script

MOST_DEAD_LETTERS: Final = 1_000
_RENEWED_AT_ONCE: Final = 1_000


class UnackedKeys(NamedTuple):
    """The keys of the delivered messages."""

    messages: str
    scores: str


class Unacked:
    """The delivered messages of one broker, over one client. Every method may raise `RedisError`."""

    def __init__(self, client: Redis, keys: UnackedKeys) -> None:
        self._connected = client
        self._unread: Any = None
        self._lock = threading.RLock()  # a signal's handler may acknowledge on top of it
        self._keys = keys
        self._hold = client.register_script(turns_source("hold"))
        self._renew = lua_script(client, __package__, "renew")
        self._visible = lua_script(client, __package__, "visible")
        self._give_back = lua_script(client, __package__, "give_back")
        self._dead_letter = lua_script(client, __package__, "dead_letter")

    @property
    def _client(self) -> Redis:
        """The client, when what was only sent is confirmed."""
        self.confirm()
        return self._connected

    def hold(self, tag: str, stored: str | bytes, *, popped_from: str | None = None) -> None:
        """Note a message as delivered now; the next in turn takes its place on the list."""
        lists = [] if popped_from is None else [popped_from]
        self._hold(keys=[*self._keys, *lists], args=[tag, stored, *TURN_PREFIXES], client=self._client)

    def hold_soon(self, tag: str, stored: bytes, *, popped_from: str) -> None:
        """Send the note of `hold`; its answer is read by `confirm`, or before anything else here is done."""
        with self._lock:
            pool: Any = self._client.connection_pool
            connection = pool.get_connection()
            try:
                # The text and not its digest, since nothing would send it again if Redis had forgotten it.
                keys = [*self._keys, popped_from]
                connection.send_command(
                    "EVAL", self._hold.script, len(keys), *keys, tag, stored, *TURN_PREFIXES
                )
            except BaseException:
                pool.release(connection)
                raise
            self._unread = connection

    def confirm(self) -> None:
        """Read the answer to what was only sent, if there is one to read."""
        if self._unread is None:
            return
        with self._lock:
            connection, self._unread = self._unread, None
            if connection is None:
                return
            client: Any = self._connected
            try:
                client.parse_response(connection, "EVAL")
            except BaseException:
                connection.disconnect()  # its answer must not be taken for that of another command
                raise
            finally:
                client.connection_pool.release(connection)

    def renew(self, tags: Sequence[str]) -> list[str]:
        """Renew held messages; return those that were given to others meanwhile."""
        gone: list[str] = []
        for at in range(0, len(tags), _RENEWED_AT_ONCE):
            reply: Any = self._renew(
                keys=[self._keys.scores], args=tags[at : at + _RENEWED_AT_ONCE], client=self._client
            )
            gone += map(text_of, reply)
        return gone

    def visible(self, after_seconds: float, limit: int) -> list[str]:
        """Return the tags of messages that were not renewed for that many seconds."""
        tags: Any = self._visible(keys=[self._keys.scores], args=[after_seconds, limit], client=self._client)
        return [text_of(tag) for tag in tags]

    def stored(self, tag: str) -> bytes | None:
        """Return a delivered message as it is kept, or None if it is no longer there."""
        found: Any = self._client.hget(self._keys.messages, tag)
        return found.encode() if isinstance(found, str) else found

    def give_back(
        self, tag: str, payload: str, queue_keys: Sequence[str], *, last: bool, visible_after: float | None
    ) -> bool:
        """Put a delivered message on its queues again, to be taken next, or `last`.

        With `visible_after` only if its holder has not renewed it for that many seconds.
        """
        side = "LPUSH" if last else "RPUSH"
        guard: float | str = "" if visible_after is None else visible_after
        reply: Any = self._give_back(
            keys=[*self._keys, *queue_keys], args=[tag, payload, side, guard], client=self._client
        )
        return bool(reply)

    def forget(self, *tags: str) -> None:
        """Acknowledge messages."""
        with self._client.pipeline(transaction=False) as pipe:
            # In this order a crash in between leaves an index entry without a message, which is removed
            # later, and never a message without an index entry.
            pipe.hdel(self._keys.messages, *tags)
            pipe.zrem(self._keys.scores, *tags)
            pipe.execute()

    def move_to_dead_letters(self, tag: str, entry: str) -> bool:
        """Move a message to the dead letters; False if another process has handled it since."""
        keys = [redis_keys.DEAD_LETTERS, *self._keys]
        return bool(self._dead_letter(keys=keys, args=[entry, MOST_DEAD_LETTERS, tag], client=self._client))

    def push(self, queue_key: str, payload: bytes | str) -> None:
        """Put a message on a queue, to be taken next."""
        self._client.rpush(queue_key, payload)


class QueueLists(NamedTuple):
    """Kombu's rules for the lists of a broker's messages."""

    of: Callable[[str, dict[str, Any]], str]
    """The list of a queue on which a message lies, by its priority."""
    queues: Callable[[str, str], Sequence[str]]
    """The queues to which an exchange and a routing key lead."""


def give_back(
    unacked: Unacked, tag: str, lists: QueueLists, *, last: bool = False, visible_after: float | None = None
) -> bool:
    """Put a delivered message back, marked as delivered before; False if there is nothing to put back.

    With `visible_after` only if its holder has not renewed it for that many seconds.

    Raises:
        BadMessageError: it is no message, or no queue is bound to its route.
        RedisError: Redis cannot be reached, or refuses.
    """
    stored = unacked.stored(tag)
    if stored is None:
        unacked.forget(tag)  # an index entry of a message that is gone
        return False
    message, exchange, routing_key = read_stored(stored)
    keys = [lists.of(queue, message) for queue in lists.queues(exchange, routing_key)]
    if not keys:
        raise BadMessageError("no queue is bound to its exchange and routing key")
    mark_redelivered(message)
    return unacked.give_back(tag, dumps(message), keys, last=last, visible_after=visible_after)


def mark_redelivered(message: dict[str, Any]) -> None:
    """Mark a message as delivered before, as kombu does."""
    headers, route = message.get("headers"), message["properties"].get("delivery_info")
    if isinstance(headers, dict):
        headers["redelivered"] = True
    if isinstance(route, dict):
        route["redelivered"] = True
