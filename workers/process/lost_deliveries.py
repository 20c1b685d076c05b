"""Messages that a worker's pool has lost: no process takes them, although one is free.

When a process dies at the wrong instant, billiard writes a job to a pipe that has no reader, and takes the
process that has this pipe next for busy. The message would be held for ever, and that process would idle.
"""

import os
import signal
import time
from contextlib import suppress
from typing import Any, Final
from weakref import WeakKeyDictionary

from celery.worker import state

from mission_control.events import events

TAKEN_WITHIN_SECONDS: Final = 20.0
"""A free process takes a job in milliseconds; one that is being started, in seconds."""


class LostDeliveries:
    """Finds the requests that wait for a process of a pool, and ends the process that does not take one."""

    def __init__(self) -> None:
        self._waiting_since: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

    def end_their_processes(self, processes: int) -> bool:
        """End each process that has not taken its job in time: the pool starts another, which does.

        Return whether a message is lost that no living process was given.
        """
        now = time.monotonic()
        active = set(state.active_requests)
        waiting = [one for one in tuple(state.reserved_requests) if one not in active]
        if len(active) >= processes:  # they wait their turn
            self._waiting_since.clear()
            return False
        for request in waiting:
            self._waiting_since.setdefault(request, now)
        overdue = [one for one in waiting if now - self._waiting_since[one] >= TAKEN_WITHIN_SECONDS]
        ended = [self._ends_process_of(request) for request in overdue if _job_of(request) is not None]
        return not all(ended)

    def _ends_process_of(self, request: Any) -> bool:  # noqa: ANN401  # Celery's
        job = _job_of(request)
        process = job._write_to or job._scheduled_for  # noqa: SLF001  # billiard's
        del self._waiting_since[request]
        if process is None or not process._is_alive():  # noqa: SLF001
            return False
        events.delivery_lost(request.id, process.pid)
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        return True


def _job_of(request: Any) -> Any:  # noqa: ANN401
    """Return what the pool has of a request, None if that is not a job for a process."""
    job = None if request._apply_result is None else request._apply_result()  # noqa: SLF001
    return job if hasattr(job, "_write_to") else None
