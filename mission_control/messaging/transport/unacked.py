"""Messages that were delivered and not acknowledged: kombu's `unacked` and `unacked_index`.

Kombu keeps `unacked[tag] = [message, exchange, routing key]` and `unacked_index[tag] = when`. So do we,
with three differences. `when` is the time of the holder's last renewal, by the Redis server's clock, so no
host's clock can make a message visible too early. The tag belongs to the delivery, not to the message, so a
holder that lost a message cannot acknowledge its next delivery. A message goes back to its queue once, even
if several processes put it back at the same time.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from redis import Redis
from redis.exceptions import RedisError

from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script

MOST_DEAD_LETTERS: Final = 1_000
_RENEWED_AT_ONCE: Final = 1_000


class UnackedKeys(NamedTuple):
    """The keys of the delivered messages."""

    messages: str
    scores: str


class _Sent(NamedTuple):
    """Commands sent on a connection, and how many answers they will have."""

    connection: Any
    answers: int
    unconfirmed: Callable[[], object] | None


class Unacked:
    """The delivered messages of one broker, over one client. Every method may raise `RedisError`."""

    def __init__(self, client: Redis, keys: UnackedKeys) -> None:
        self._client = client
        self._keys = keys
        self._sent: deque[_Sent] = deque()
        self._confirming = threading.RLock()  # a signal's handler may acknowledge on top of it
        self._hold = lua_script(client, __package__, "hold")
        self._renew = lua_script(client, __package__, "renew")
        self._visible = lua_script(client, __package__, "visible")
        self._give_back = lua_script(client, __package__, "give_back")
        self._dead_letter = lua_script(client, __package__, "dead_letter")

    def hold(self, tag: str, stored: str | bytes) -> None:
        """Note a message as delivered now."""
        self._hold(keys=[*self._keys], args=[tag, stored])

    def hold_soon(self, tag: str, stored: bytes) -> None:
        """Send the note that a message is delivered now, without waiting for Redis to confirm it.

        The confirmation is read by `confirm_sent`, and before anything else is asked of this message.
        """
        # The source and not its digest: the answer is read too late to send the source after a NOSCRIPT.
        self._send([("EVAL", self._hold.script, len(self._keys), *self._keys, tag, stored)], None)

    def forget_soon(self, tag: str, unconfirmed: Callable[[], object]) -> None:
        """Acknowledge a message without waiting for Redis to confirm it.

        The confirmation is read by `confirm_sent`; if it does not come, `unconfirmed` is called then.
        """
        self.confirm_sent()
        self._send([("HDEL", self._keys.messages, tag), ("ZREM", self._keys.scores, tag)], unconfirmed)

    def confirm_sent(self) -> None:
        """Read the confirmations of what was only sent, of all threads; then all of it has been done."""
        with self._confirming:
            while self._sent:
                self._confirm(self._sent.popleft())

    def _send(self, commands: Sequence[tuple[Any, ...]], unconfirmed: Callable[[], object] | None) -> None:
        connection: Any = self._client.connection_pool.get_connection()
        try:
            connection.send_packed_command(connection.pack_commands(commands))
        except BaseException:
            connection.disconnect()
            self._client.connection_pool.release(connection)
            raise
        self._sent.append(_Sent(connection, len(commands), unconfirmed))

    def _confirm(self, sent: _Sent) -> None:
        client: Any = self._client
        try:
            for _ in range(sent.answers):
                client.parse_response(sent.connection, "")
        except BaseException as error:
            sent.connection.disconnect()  # its late answers must not answer another command
            if sent.unconfirmed is None or not isinstance(error, RedisError):
                raise
            sent.unconfirmed()
        finally:
            self._client.connection_pool.release(sent.connection)

    def renew(self, tags: Sequence[str]) -> list[str]:
        """Renew held messages; return those that were given to others meanwhile."""
        gone: list[str] = []
        for at in range(0, len(tags), _RENEWED_AT_ONCE):
            reply: Any = self._renew(keys=[self._keys.scores], args=tags[at : at + _RENEWED_AT_ONCE])
            gone += _texts(reply)
        return gone

    def visible(self, after_seconds: float, limit: int) -> list[str]:
        """Return the tags of messages that were not renewed for that many seconds."""
        tags: Any = self._visible(keys=[self._keys.scores], args=[after_seconds, limit])
        return _texts(tags)

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
        self.confirm_sent()
        side = "LPUSH" if last else "RPUSH"
        guard: float | str = "" if visible_after is None else visible_after
        reply: Any = self._give_back(keys=[*self._keys, *queue_keys], args=[tag, payload, side, guard])
        return bool(reply)

    def forget(self, tag: str) -> None:
        """Acknowledge a message."""
        self.confirm_sent()
        with self._client.pipeline(transaction=False) as pipe:
            # In this order a crash in between leaves an index entry without a message, which is removed
            # later, and never a message without an index entry.
            pipe.hdel(self._keys.messages, tag)
            pipe.zrem(self._keys.scores, tag)
            pipe.execute()

    def move_to_dead_letters(self, tag: str, entry: str) -> bool:
        """Move a message to the dead letters; False if another process has handled it since."""
        self.confirm_sent()
        keys = [redis_keys.DEAD_LETTERS, *self._keys]
        return bool(self._dead_letter(keys=keys, args=[entry, MOST_DEAD_LETTERS, tag]))

    def push(self, queue_key: str, payload: bytes | str) -> None:
        """Put a message on a queue, to be taken next."""
        self._client.rpush(queue_key, payload)


def _texts(values: Sequence[bytes | str]) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else value for value in values]
