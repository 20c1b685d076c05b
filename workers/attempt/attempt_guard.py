"""The guard of running attempts: leases, time limits, cancellation, and a parent process that has died.

One thread for each process, next to the handlers. The pool's parent enforces time limits too; this thread
also does so while the parent waits for a frozen Redis.
"""

import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from redis.exceptions import RedisError

from mission_control.dispatch.run_ending import RunEnding
from mission_control.events import events
from mission_control.ledger.claims import LeaseState
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import HARD_LIMIT_GRACE
from workers.attempt.endings import end_lost_attempt
from workers.call.child_processes import kill_with_children
from workers.call.invocation import Failure, cancelled, timed_out
from workers.call.pool_signals import Interruptible, LeaseLostError, RunCancelledError, WorkerStopsError

LONGEST_PAUSE_SECONDS: Final = 1.0
_LOOKS_PER_LEASE: Final = 5
# A healthy parent of the pool kills at the limit itself, and records the reason sooner.
_AFTER_THE_PARENT: Final = 1.0
_OVERTIME: Final = timed_out("the handler did not stop at timeout_seconds and was killed")


class GuardedAttempt:
    """A guarded attempt: how, when and why its handler must stop."""

    def __init__(self, app: Celery, run: RunRecord, limit_seconds: float | None) -> None:
        self.app = app
        self.run = run
        self.thread = threading.get_ident()
        self._limit_seconds = limit_seconds
        self._stay: Interruptible | None = None
        self._asked: type[BaseException] | None = None
        self._stop_at = math.inf
        self._overtime = _OVERTIME
        self.kill_at = math.inf
        self.kill_for: Failure | None = None

    @contextmanager
    def begins(
        self, stay: Interruptible, *, within: float = math.inf, overtime: Failure = _OVERTIME
    ) -> Iterator[None]:
        """Note that the handler runs while the block does, and how to interrupt it.

        It may take the run's time limit, or `within` seconds if that is less. `overtime` is how the attempt
        ends if it goes on and is killed. Raises what it was asked to stop with before.
        """
        if self._limit_seconds is not None:
            self._stop_at = time.monotonic() + min(self._limit_seconds, within)
        self._stay, self._overtime = stay, overtime
        try:
            if self._asked is not None:
                raise self._asked
            yield
        finally:
            self._stay, self._stop_at, self.kill_at = None, math.inf, math.inf

    def is_of(self, run: RunRecord) -> bool:
        """Whether a run, as the ledger has it now, still belongs to this claim."""
        return run.fence == self.run.fence

    @property
    def may_be_killed(self) -> bool:
        """Whether its handler has a process of its own."""
        return self._stay is not None and self._stay.uses_signal

    def stop_in_time(self, now: float) -> None:
        """Interrupt the handler if it has run for as long as it may."""
        if self._stop_at <= now:
            self._stop_at = math.inf
            self.stop(SoftTimeLimitExceeded, self._overtime)

    def stop(self, reason: type[BaseException], kill_for: Failure | None) -> bool:
        """Interrupt the handler, and plan to kill it if it goes on; False if it was interrupted before."""
        self._asked, stay = reason, self._stay
        if stay is None:
            return False
        if stay.uses_signal and self.kill_at == math.inf:
            grace = HARD_LIMIT_GRACE.total_seconds() + _AFTER_THE_PARENT
            self.kill_at, self.kill_for = time.monotonic() + grace, kill_for
        return stay.interrupt(reason)


class AttemptGuard:
    """Guards the attempts that this process runs.

    Guarantees, while this process can run Python: their leases are renewed; a handler is interrupted at its
    time limit, when its run is cancelled, and when its lease is lost. A child of a prefork pool can be
    killed: a handler that does not stop is killed `HARD_LIMIT_GRACE` later, and a handler whose parent has
    died at once, its lease released. Does not guarantee any of that for a handler that holds Python's
    lock: the parent renews its lease, and kills it.
    """

    def __init__(self, run_ending: RunEnding) -> None:
        self._ending = run_ending
        self._ledger = run_ending.ledger
        self._pause = min(LONGEST_PAUSE_SECONDS, self._ledger.lease.total_seconds() / _LOOKS_PER_LEASE)
        self._process = 0
        self._parent = 0
        self._guarded: set[GuardedAttempt] = set()
        self._lock = threading.Lock()
        self._ended_at: dict[int, float] = {}
        self._refused: set[str] = set()
        self.also: Callable[[], object] | None = None
        """Called at every look while handlers run."""

    @contextmanager
    def over(self, app: Celery, run: RunRecord, *, has_limit: bool) -> Iterator[GuardedAttempt]:
        """Guard an attempt while the block runs; with its time limits if `has_limit`."""
        limit = math.inf if run.timeout_seconds is None else run.timeout_seconds
        guarded = GuardedAttempt(app, run, limit if has_limit else None)
        with self._lock:
            if self._process != os.getpid():
                self._start()
            self._guarded.add(guarded)
        if run.execution_id in self._refused:  # between its claim and now
            guarded.stop(WorkerStopsError, None)
        try:
            yield guarded
        finally:
            with self._lock:
                self._guarded.discard(guarded)
                self._ended_at[guarded.thread] = time.monotonic()

    @property
    def runs_any(self) -> bool:
        """Whether this process runs an attempt."""
        return bool(self._guarded)

    def occupies(self, thread: int) -> bool:
        """Whether that thread runs an attempt."""
        return any(one.thread == thread for one in tuple(self._guarded))

    def last_ended(self, thread: int) -> float:
        """Return when that thread last finished an attempt, by `time.monotonic`."""
        return self._ended_at.get(thread, -math.inf)

    def ask_to_cancel(self, execution_id: str) -> None:
        """Ask for a run to be stopped, wherever it runs, and cancelled."""
        self._ledger.ask_to_cancel(execution_id, "revoked")

    def refuse(self, execution_id: str) -> None:
        """Let no handler of a run begin in this process from now on."""
        self._refused.add(execution_id)

    def give_up(self, execution_id: str) -> None:
        """Interrupt the handler of a run that this process gives back; safe in a signal handler."""
        for one in tuple(self._guarded):
            if one.run.execution_id == execution_id:
                one.stop(WorkerStopsError, None)

    def interrupt_all(self) -> None:
        """Give back all attempts: this process is about to end."""
        for one in tuple(self._guarded):
            self._ending.interrupt(one.run)

    def _start(self) -> None:
        """Start the thread; after a fork this process has none."""
        self._process, self._parent, self._guarded = os.getpid(), os.getppid(), set()
        threading.Thread(target=self._run, name="attempt guard", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(self._pause)
            with self._lock:
                guarded = list(self._guarded)
            if guarded:
                try:
                    self._look(guarded)
                    if self.also is not None:
                        self.also()
                    events.redis_is_back()
                except RedisError as error:
                    events.waiting_for_redis(error)
                except Exception as error:  # noqa: BLE001  # without this thread leases and limits run out
                    events.service_failed("attempt guard", error)

    def _look(self, guarded: Sequence[GuardedAttempt]) -> None:
        now = time.monotonic()
        is_orphaned = os.getppid() != self._parent
        for one in guarded:
            if is_orphaned and one.may_be_killed:
                self._leave(one)
            one.stop_in_time(now)
            if one.kill_at <= now:
                self._kill(one)
        claims = [(one.run.execution_id, one.run.fence) for one in guarded]
        for one, state in zip(guarded, self._ledger.renew(claims), strict=True):
            if state is LeaseState.CANCEL:
                one.stop(RunCancelledError, cancelled())
            elif state is LeaseState.GONE and one.stop(LeaseLostError, None):
                events.lease_lost(one.run)

    def _leave(self, one: GuardedAttempt) -> None:
        """End this process, whose parent has died: its handler's result could not be reported."""
        events.worker_orphaned(one.run)
        with suppress(RedisError):
            self._ending.interrupt(one.run, counts=True)
        kill_with_children(os.getpid())

    def _kill(self, one: GuardedAttempt) -> None:
        """End this process, whose handler does not stop; record why, if Redis allows it."""
        if one.kill_for is not None:
            with suppress(Exception):
                end_lost_attempt(
                    one.app, self._ending, one.run.execution_id, one.kill_for, is_meant=one.is_of
                )
        kill_with_children(os.getpid())
