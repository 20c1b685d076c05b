"""The log of one attempt: its lines, masked, bounded and numbered, sent one by one.

Nothing waits for an answer of Redis. What was sent is with the kernel, and reaches Redis even if this process
is killed at once. A frozen Redis delays nothing as long as the kernel's buffer has room.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError

from mission_control.audit.record.masking import clean_text
from mission_control.audit.record.secrets_mask import mask_text
from mission_control.dispatch.run_logs import LONGEST_LINE, LogLine
from mission_control.model.runs.run_record import RunRecord
from mission_control.store import redis_keys
from workers.call.known_secrets import NO_SECRETS, KnownSecrets

_LONGEST_KEPT: Final = 65_536
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


class AttemptLog:
    """Takes what an attempt prints and logs, and hands each line on as soon as it is ended or flushed.

    Of a line that does not end, its beginning and its end are remembered. Safe between threads.
    """

    def __init__(
        self,
        run: RunRecord,
        sender: LogSender,
        *,
        clock: Callable[[], datetime],
        secrets: KnownSecrets = NO_SECRETS,
    ) -> None:
        self.secrets = secrets
        self._run = run
        self._sender = sender
        self._clock = clock
        self._unended: dict[str, str] = {}
        self.count = 0

    def write(self, stream: str, text: str) -> None:
        """Take some text of `stream`."""
        if not self._sender.most:
            return
        with self._sender.lock:
            whole = self._unended.pop(stream, "") + text
            ended, _, rest = whole.rpartition("\n")
            if rest:
                self._unended[stream] = clean_text(rest, _LONGEST_KEPT) if len(rest) > _LONGEST_KEPT else rest
            if rest != whole:
                self._add(stream, ended)

    def flush(self) -> None:
        """Send lines that are not ended as they are."""
        with self._sender.lock:
            for stream in list(self._unended):
                self._add(stream, self._unended.pop(stream))

    def _add(self, stream: str, text: str) -> None:
        # Masked as a whole first, because a secret may stand on several lines.
        text = self.secrets.in_text(text)
        masked = mask_text(text) if len(text) <= _LONGEST_KEPT else text
        lines = masked.split("\n")
        first = self.count + 1
        self.count += len(lines)
        kept = lines[-self._sender.most :]
        first += len(lines) - len(kept)
        now = self._clock()
        attempt = self._run.attempt
        self._sender.send(
            self._run.execution_id,
            [
                LogLine(now, attempt, stream, number, clean_text(line.rstrip("\r"), LONGEST_LINE))
                for number, line in enumerate(kept, start=first)
            ],
        )
