"""The watch over running handlers: leases, time limits, cancellation, and a parent that has died.

One thread a process, beside the handlers. The pool's parent enforces time limits too; this thread does so
also while the parent waits for a Redis that is frozen.
"""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from celery.exceptions import SoftTimeLimitExceeded
from redis.exceptions import RedisError

from mission_control.events import events
from mission_control.ledger.claims import LeaseState
from mission_control.model.runs.run_limits import HARD_LIMIT_GRACE
from workers.attempt.lost_attempts import end_lost_attempt
from workers.call.invocation import Failure, cancelled, timed_out
from workers.call.pool_signals import Interruptible, LeaseLostError, RunCancelledError, WorkerStopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from celery import Celery

    from mission_control.dispatch.run_ending import RunEnding
    from mission_control.model.runs.run_record import RunRecord

LONGEST_PAUSE_SECONDS: Final = 1.0
_LOOKS_PER_LEASE: Final = 5
# The pool's parent, if it is well, kills at the limit itself and is faster to tell why.
_AFTER_THE_PARENT: Final = 1.0


class Watched:
    """An attempt that is watched over, and what is to become of its handler."""

    def __init__(self, app: Celery, run: RunRecord, limit_seconds: float | None) -> None:
        self.app = app
        self.run = run
        self.thread = threading.get_ident()
        self._limit_seconds = limit_seconds
        self._stay: Interruptible | None = None
        self._stop_at = math.inf
        self.kill_at = math.inf
        self.kill_for: Failure | None = None

    @contextmanager
    def begins(self, stay: Interruptible) -> Iterator[None]:
        """Say that the handler runs, as long as what is inside goes on, and how to interrupt it."""
        if self._limit_seconds is not None:
            self._stop_at = time.monotonic() + self._limit_seconds
        self._stay = stay
        try:
            yield
        finally:
            self._stay, self._stop_at, self.kill_at = None, math.inf, math.inf

    def is_of(self, run: RunRecord) -> bool:
        """Whether a run, as the ledger has it by now, is still this claim's."""
        return run.fence == self.run.fence

    @property
    def may_be_killed(self) -> bool:
        """Whether its handler runs in a process that nothing else runs in."""
        return self._stay is not None and self._stay.uses_signal

    def stop_in_time(self, now: float) -> None:
        """Interrupt the handler if it has run for as long as it may."""
        if self._stop_at <= now:
            self._stop_at = math.inf
            error = "the handler did not stop at timeout_seconds and was killed"
            self.stop(SoftTimeLimitExceeded, timed_out(error))

    def stop(self, reason: type[BaseException], kill_for: Failure | None) -> bool:
        """Interrupt the handler, and have it killed if it goes on; False if that has happened before."""
        stay = self._stay
        if stay is None:
            return False
        if stay.uses_signal and self.kill_at == math.inf:
            grace = HARD_LIMIT_GRACE.total_seconds() + _AFTER_THE_PARENT
            self.kill_at, self.kill_for = time.monotonic() + grace, kill_for
        return stay.interrupt(reason)


class Watch:
    """Watches over the attempts that this process runs.

    Guarantees, as long as this process gets to run Python at all: their leases are renewed; a handler is
    interrupted at its time limit, when its run is cancelled, and when its lease was lost; in a child of a
    prefork pool, which can be killed, one that goes on all the same is killed `HARD_LIMIT_GRACE` later,
    and one whose parent has died is killed at once, its lease released. Does not guarantee any of that
    for a handler that keeps Python's lock to itself: the parent keeps its lease, and kills it.
    """

    def __init__(self, run_ending: RunEnding) -> None:
        self._ending = run_ending
        self._ledger = run_ending.ledger
        self._pause = min(LONGEST_PAUSE_SECONDS, self._ledger.lease.total_seconds() / _LOOKS_PER_LEASE)
        self._process = 0
        self._parent = 0
        self._watched: set[Watched] = set()
        self._lock = threading.Lock()
        self._ended_at: dict[int, float] = {}
        self.beside: Callable[[], object] | None = None
        """What else is to be done now and then while handlers run."""

    @contextmanager
    def over(self, app: Celery, run: RunRecord, *, has_limit: bool) -> Iterator[Watched]:
        """Watch over an attempt while what is inside goes on; with its time limit if `has_limit`."""
        watched = Watched(app, run, run.timeout_seconds if has_limit else None)
        with self._lock:
            if self._process != os.getpid():
                self._start()
            self._watched.add(watched)
        try:
            yield watched
        finally:
            with self._lock:
                self._watched.discard(watched)
                self._ended_at[watched.thread] = time.monotonic()

    @property
    def runs_any(self) -> bool:
        """Whether this process has an attempt in hand."""
        return bool(self._watched)

    def occupies(self, thread: int) -> bool:
        """Whether an attempt is in the hands of that thread."""
        return any(one.thread == thread for one in tuple(self._watched))

    def last_ended(self, thread: int) -> float:
        """Return when that thread was last done with an attempt, by `time.monotonic`."""
        return self._ended_at.get(thread, -math.inf)

    def ask_to_cancel(self, execution_id: str) -> None:
        """Have a run's attempt stopped, wherever it runs, and its run cancelled."""
        self._ledger.ask_to_cancel(execution_id, "revoked")

    def give_up(self, execution_id: str) -> None:
        """Interrupt the handler of a run that this process is to give back; may come out of a signal."""
        for one in tuple(self._watched):
            if one.run.execution_id == execution_id:
                one.stop(WorkerStopsError, None)

    def release_all(self) -> None:
        """Give up the leases of all attempts: this process is about to end."""
        for one in tuple(self._watched):
            self._ledger.release(one.run)

    def _start(self) -> None:
        """Begin anew: after a fork the thread is the parent's."""
        self._process, self._parent, self._watched = os.getpid(), os.getppid(), set()
        threading.Thread(target=self._run, name="watch", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(self._pause)
            with self._lock:
                watched = list(self._watched)
            if watched:
                try:
                    self._look(watched)
                    if self.beside is not None:
                        self.beside()
                    events.redis_is_back()
                except RedisError as error:
                    events.waiting_for_redis(error)
                except Exception as error:  # noqa: BLE001  # without this thread leases and limits run out
                    events.service_failed("watch", error)

    def _look(self, watched: Sequence[Watched]) -> None:
        now = time.monotonic()
        is_orphaned = os.getppid() != self._parent
        for one in watched:
            if is_orphaned and one.may_be_killed:
                self._leave(one)
            one.stop_in_time(now)
            if one.kill_at <= now:
                self._kill(one)
        claims = [(one.run.execution_id, one.run.fence) for one in watched]
        for one, state in zip(watched, self._ledger.renew(claims), strict=True):
            if state is LeaseState.CANCEL:
                one.stop(RunCancelledError, cancelled())
            elif state is LeaseState.GONE and one.stop(LeaseLostError, None):
                events.lease_lost(one.run)

    def _leave(self, one: Watched) -> None:
        """End this process, whose parent has died: nobody would hear of what its handler does."""
        events.worker_orphaned(one.run)
        with suppress(RedisError):
            self._ledger.release(one.run, counts=True)
        os.kill(os.getpid(), signal.SIGKILL)

    def _kill(self, one: Watched) -> None:
        """End this process, whose handler does not stop, having told why as well as can be."""
        if one.kill_for is not None:
            with suppress(Exception):
                end_lost_attempt(
                    one.app, self._ending, one.run.execution_id, one.kill_for, is_meant=one.is_of
                )
        os.kill(os.getpid(), signal.SIGKILL)
