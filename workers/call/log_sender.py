"""Sending lines of logs to Redis without waiting for an answer.

What was sent is with the kernel, and reaches Redis even if this process is killed at once. A frozen Redis
delays nothing as long as the kernel's buffer has room.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError

from mission_control.dispatch.run_logs import LogLine
from mission_control.store import redis_keys

AGAIN_AFTER_SECONDS: Final = 5.0


class LogSender:
    """Appends lines to the logs of runs, each log bounded to its last `most` lines and kept for `keep`.

    Guarantees: never raises for Redis, and is safe between threads and across a fork. Does not guarantee that
    a line arrives if the connection breaks in that moment. Lines that find no connection are sent with later
    ones, the last `most` of them.
    """

    def __init__(self, client: Redis, *, most: int, keep: timedelta) -> None:
        self.most = most
        self._client = client
        self._keep_seconds = int(keep.total_seconds())
        self.renew_lock()
        self._unsent: deque[tuple[str, str]] = deque(maxlen=max(most, 1))
        self._connection: Any = None
        self._process = os.getpid()
        self._not_before = 0.0
        os.register_at_fork(after_in_child=self.renew_lock)

    def renew_lock(self) -> None:
        """Forget who holds the lock, as a forked process must: another thread may, which it does not have."""
        self.lock = threading.RLock()

    def send(self, execution_id: str, lines: Sequence[LogLine]) -> None:
        """Append lines to the log of a run."""
        with self.lock:
            self._unsent.extend((execution_id, line.to_text()) for line in lines)
            if time.monotonic() >= self._not_before:
                self._attempt(self._push)

    def confirm(self) -> None:
        """Wait until Redis has what was sent."""
        with self.lock:
            self._not_before = 0.0
            self._attempt(self._push_and_wait)

    def _attempt(self, what: Any) -> None:  # noqa: ANN401
        try:
            what()
        except (RedisError, OSError):
            self._disconnect()
            self._not_before = time.monotonic() + AGAIN_AFTER_SECONDS
        except BaseException:  # an interruption, perhaps in the middle of a command
            self._disconnect()
            raise

    def _push(self) -> None:
        connection = self._connected()
        by_run: dict[str, list[str]] = {}
        for execution_id, text in self._unsent:
            by_run.setdefault(execution_id, []).append(text)
        commands: list[tuple[Any, ...]] = []
        for execution_id, texts in by_run.items():
            key = redis_keys.run_log(execution_id)
            commands += [
                ("RPUSH", key, *texts),
                ("LTRIM", key, -self.most, -1),
                ("EXPIRE", key, self._keep_seconds),
            ]
        if commands:
            connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            self._unsent.clear()

    def _push_and_wait(self) -> None:
        self._push()
        connection = self._connected()
        connection.send_command("CLIENT", "REPLY", "ON", check_health=False)
        connection.read_response()
        connection.send_command("CLIENT", "REPLY", "OFF", check_health=False)

    def _connected(self) -> Any:  # noqa: ANN401  # redis-py has several classes of connections
        if self._connection is None or self._process != os.getpid():
            connection: Any = self._client.connection_pool.make_connection()
            connection.connect()
            connection.send_command("CLIENT", "REPLY", "OFF", check_health=False)
            self._connection, self._process = connection, os.getpid()
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and self._process == os.getpid():
            connection.disconnect()
