"""A message in a worker's parent process, from the pool's acceptance to its result.

Celery's signals about endings that only the parent sees name the run, not the process that ran it. Several
processes, even of one worker, may have begun a run: if one was paused beyond its lease, another has taken
over. So the request is kept at hand while its signals are sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from celery.concurrency.base import BasePool
from celery.worker.request import Request

from mission_control.model.runs.run_record import RunRecord
from workers.call.child_processes import kill_children

_current: Final[ContextVar[AttemptRequest | None]] = ContextVar("request in hand", default=None)


class AttemptRequest(Request):
    """Celery's request for an attempt of a run."""

    def has_begun(self, run: RunRecord) -> bool:
        """Whether the process of this message has begun the run's current attempt."""
        asked = self._request_dict.get("retries")
        attempt = (asked if asked is not None else 0) + 1
        return (run.worker, run.pid, run.attempt) == (self.hostname, self.worker_pid, attempt)

    def info(self, safe: bool = False) -> Any:  # noqa: ANN401, ARG002
        """Return what `inspect` and Flower show of the request: never the arguments of a plain message."""
        return super().info(safe=True)

    def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # Celery's arguments
        """Take the pool's report that the attempt failed, or that its process is gone.

        Celery's events, which Flower shows, get the traceback of the handler instead of that of our code.
        """
        failed = getattr(exc_info.exception, "exc", exc_info.exception)
        traceback = getattr(failed, "handler_traceback", None)
        if traceback is not None:
            exc_info.traceback = traceback
        with self._in_hand():
            return super().on_failure(exc_info, *args, **kwargs)

    def on_timeout(self, soft: bool, timeout: float) -> Any:  # noqa: ANN401
        """Take the pool's report that the attempt has reached a time limit; at the hard one it is killed."""
        with self._in_hand():
            if not soft:
                kill_children(self.worker_pid)
            return super().on_timeout(soft, timeout)

    def terminate(self, pool: BasePool, signal: Any = None) -> None:  # noqa: ANN401
        """Stop the handler because its run was revoked; a pool that cannot kill interrupts it."""
        if can_kill(pool) or not self.time_start:
            super().terminate(pool, signal)
        else:
            self.task.guard.ask_to_cancel(self.id)

    def cancel(self, pool: BasePool, signal: Any = None, emit_retry: bool = True) -> None:  # noqa: ANN401
        """Stop the handler because the worker ends at once; another worker takes the run over."""
        if can_kill(pool):
            super().cancel(pool, signal, emit_retry)
            if self.worker_pid is not None:
                self.task.cold_exit.cut_off(self.id, self.worker_pid, self.has_begun)
        else:
            self.task.guard.refuse(self.id)  # first, so that the exit sees every handler that runs
            self.task.cold_exit.begin()
            self.task.guard.give_up(self.id)

    def _announce_revoked(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        with self._in_hand():
            return super()._announce_revoked(*args, **kwargs)

    @contextmanager
    def _in_hand(self) -> Iterator[None]:
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


def can_kill(pool: BasePool) -> bool:
    """Whether a pool can kill a handler; those of threads and solo cannot."""
    return getattr(pool.terminate_job, "__func__", None) is not BasePool.terminate_job


def request_in_hand() -> AttemptRequest | None:
    """Return the request of the signal that the parent is sending; None in any other process."""
    return _current.get()
