"""Following the log of a run until it ends."""

import time
from collections.abc import Iterator
from typing import Final

from mission_control.dispatch.run_logs import LogLine, RunLogs
from mission_control.ledger.run_reader import RunReader

POLL_SECONDS: Final = 0.3


def follow_log(logs: RunLogs, ledger: RunReader, execution_id: str) -> Iterator[LogLine]:
    """Yield the lines of a run as they come, until it is over or the ledger has it no longer.

    Raises:
        RedisError: Redis cannot be reached.
    """
    last: LogLine | None = None
    while True:
        run = ledger.get(execution_id)  # before the lines, so that the last ones are not left out
        lines = logs.lines(execution_id)
        new = lines[lines.index(last) + 1 :] if last in lines else lines
        yield from new
        last = new[-1] if new else last
        if run is None or run.state.is_final:
            return
        time.sleep(POLL_SECONDS)
