"""The logs of runs: what their handlers printed and logged, and their tracebacks.

In Redis while a run lives, and for an hour after; then in `run_logs.jsonl` next to the audit stream, one line
for each run, chained as that is.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self, cast

from redis import Redis
from redis.exceptions import RedisError

from mission_control.audit.stream.lines import LONGEST_LINE_BYTES
from mission_control.audit.stream.log import AuditLog
from mission_control.errors import AuditWriteError
from mission_control.events import events
from mission_control.ledger.run_reader import RunReader
from mission_control.model.values.instants import format_instant, parse_instant
from mission_control.store import redis_keys

LONGEST_LINE: Final = 2_000
_AROUND_A_LINE: Final = 100
POLL_SECONDS: Final = 0.3
KEPT_AFTER_END: Final = timedelta(hours=1)


@dataclass(frozen=True)
class LogLine:
    """A line; `stream` is `out`, `err`, `log` or `traceback`, `number` counts the lines of its attempt."""

    at: datetime
    attempt: int
    stream: str
    number: int
    text: str

    def to_text(self) -> str:
        """Return the line as it is kept."""
        kept = [format_instant(self.at), self.attempt, self.stream, self.number, self.text]
        return json.dumps(kept, ensure_ascii=False)

    @classmethod
    def from_list(cls, kept: list[Any]) -> Self:
        """Read a line back."""
        return cls(parse_instant(kept[0]), *kept[1:])


@dataclass(frozen=True)
class RunLogs:
    """Reads the logs of runs, and moves those of finished ones to a file."""

    client: Redis
    file: AuditLog

    def lines(self, execution_id: str) -> list[LogLine]:
        """Return the lines of a run, oldest first; of a long log the last ones.

        Raises:
            RedisError: Redis cannot be reached.
        """
        found = self._in_redis(execution_id)
        if not found:
            from mission_control.audit.stream.reader import tail  # beat archives logs, and reads none

            records = tail(self.file.path, 1, execution_id=execution_id)
            found = records[0]["lines"] if records else []
        return [LogLine.from_list(one) for one in found]

    def follow(self, ledger: RunReader, execution_id: str) -> Iterator[LogLine]:
        """Yield the lines of a run as they come, until it is over or the ledger has it no longer."""
        last: LogLine | None = None
        while True:
            run = ledger.get(execution_id)  # before the lines, so that the last ones are not left out
            lines = self.lines(execution_id)
            new = lines[lines.index(last) + 1 :] if last in lines else lines
            yield from new
            last = new[-1] if new else last
            if run is None or run.state.is_final:
                return
            time.sleep(POLL_SECONDS)

    def archive(self, task_id: str, execution_id: str, *, at: datetime) -> None:
        """Write the log of a run that is over to the file, once; trouble is logged, not raised.

        If it cannot be written, it stays in Redis as long as the ledger keeps the run.
        """
        key = redis_keys.run_log(execution_id)
        try:
            is_archived = self.client.ttl(key) <= KEPT_AFTER_END.total_seconds()  # or there is none
            found = [] if is_archived else self._in_redis(execution_id)
            if not found:
                return
            record = {
                "timestamp": format_instant(at),
                "task_id": task_id,
                "execution_id": execution_id,
                "lines": _last_that_fit(found),
            }
            self.file.append(record)
            self.file.flush()  # no pending record stands behind it, by which the sweep could anchor it
            self.client.expire(key, KEPT_AFTER_END)
        except AuditWriteError as error:
            events.audit_write_failed(self.file.path, error)
        except RedisError as error:
            events.waiting_for_redis(error)

    def _in_redis(self, execution_id: str) -> list[list[Any]]:
        kept = cast("list[str]", self.client.lrange(redis_keys.run_log(execution_id), 0, -1))
        return [json.loads(one) for one in kept]


def _last_that_fit(lines: list[list[Any]]) -> list[list[Any]]:
    """Return the last lines that together stay well below the longest line that readers of the file take."""
    left = LONGEST_LINE_BYTES // 2
    for at in range(len(lines) - 1, -1, -1):
        left -= len(lines[at][-1].encode()) + _AROUND_A_LINE
        if left < 0:
            return lines[at + 1 :]
    return lines
