"""Recovering orphaned runs: sending them again, or ending them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from mission_control.dispatch.run_ending import RunEnding
from mission_control.events import events
from mission_control.installation.installation import Installation
from mission_control.ledger.ledger import LOOKED_AT_ONCE, Lapses
from mission_control.messaging.message import send
from mission_control.messaging.redis_failures import REDIS_ERRORS, concerns_everything
from mission_control.model.policies.recovery import (
    EndAttempt,
    LookForMessage,
    LookForTurn,
    SendAgain,
    grace_of,
    of_lapsed,
    of_waiting,
)
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.sweep.late_records import LateRecords
from mission_control.sweep.rolling_up import RollingUp
from mission_control.sweep.traced_runs import TracedRuns
from mission_control.sweep.whereabouts import Whereabouts

if TYPE_CHECKING:
    from celery import Celery

LONGEST_PAUSE_SECONDS: Final = 5.0
_LOOKS_PER_LEASE: Final = 4  # fewer than those in which an attempt guard renews its lease


class Sweep:
    """Checks ledger, leases and queues every few seconds, and recovers orphaned runs.

    Guarantees: a run whose worker is gone, whose message was lost on its way, or whose retry was never
    sent, is sent again or ended within a lease and a few looks, and each is taken up by one sweep, however
    many there are; pending audit records are written, and hourly figures kept up; a run that cannot be read
    or recovered is logged, and delays no other. Sending twice is harmless: the ledger lets an attempt run
    once. A look costs two round trips if nothing is wrong, and a constant number of them if only queues are
    long.

    `unanswered` has by queue the runs whose message has waited for long, as the last looks at all have found.

    Does not guarantee that a run is found at once: of the runs that wait for their message
    `LOOKED_AT_ONCE` are looked at each time, those that have waited longest first.
    """

    def __init__(self, app: Celery, ending: RunEnding, late_records: LateRecords, figures: RollingUp) -> None:
        self._app = app
        self.ending = ending
        self._ledger = ending.ledger
        self._clock = ending.clock
        self._late_records = late_records
        self._figures = figures
        self._lease = ending.ledger.lease
        self._grace = grace_of(self._lease)
        self._pause = min(LONGEST_PAUSE_SECONDS, self._lease.total_seconds() / _LOOKS_PER_LEASE)
        self._look_at = 0.0
        self._passed_over = 0
        self._lapsed_before: dict[str, int | None] = {}
        self._reported: set[str] = set()
        self.unanswered: dict[str, list[str]] = {}
        self._waiting: dict[str, list[str]] = {}

    @classmethod
    def of(cls, app: Celery, installation: Installation) -> Sweep:
        """Return the one of an installation, which sends with `app`."""
        parts = (installation.client, installation.audit.path, installation.clock)
        figures = RollingUp(*parts, TracedRuns(installation.clock))
        return cls(app, RunEnding.of(installation), LateRecords.of(installation), figures)

    def turn(self) -> int:
        """Look, if it is time to; return how many runs were taken up.

        Trouble of any kind is logged, not raised.
        """
        if time.monotonic() < self._look_at:
            return 0
        self._look_at = time.monotonic() + self._pause
        try:
            taken_up = self.look()
        except REDIS_ERRORS as error:
            self._lapsed_before = {}  # workers had no chance to renew their leases either
            events.waiting_for_redis(error)
        except Exception as error:  # noqa: BLE001  # beat has more to do than this, and must not end of it
            events.sweep_failed(error)
        else:
            events.redis_is_back()
            return taken_up
        return 0

    def look(self) -> int:
        """Look once; return how many runs were recovered and late audit records written.

        A lease that has run out counts from the second look on: after an outage of Redis, in which no
        worker could renew its leases, living workers renew them first.
        """
        now = self._clock()
        found = self._ledger.lapses(entered_before=now - self._grace, pass_over=self._passed_over)
        for execution_id, error in found.unreadable.items():
            self._tell(execution_id, error)
        self._passed_over = self._passed_over + LOOKED_AT_ONCE if found.looked_at == LOOKED_AT_ONCE else 0
        taken_up = self._take_up_lapsed(found) + self._take_up_waiting(found)
        if self._passed_over == 0:  # all of them were looked at
            self.unanswered, self._waiting = self._waiting, {}
        taken_up += self._late_records.write()
        self._figures.advance()
        return taken_up

    def _take_up_lapsed(self, found: Lapses) -> int:
        before = self._lapsed_before
        self._lapsed_before = {run.execution_id: run.fence for run in found.lapsed}
        certain = [run for run in found.lapsed if before.get(run.execution_id, -1) == run.fence]
        now = self._clock()
        return sum(self._each(run, lambda run: self._act(run, of_lapsed(run, now=now))) for run in certain)

    def _take_up_waiting(self, found: Lapses) -> int:
        now = self._clock()
        waiting: list[RunRecord] = []

        def decide(run: RunRecord) -> bool:
            what = of_waiting(run, now=now, grace=self._grace)
            if isinstance(what, LookForMessage):
                waiting.append(run)
            if isinstance(what, LookForTurn):
                return self._release_next(run)
            return isinstance(what, EndAttempt) and self._act(run, what)

        ended = sum(self._each(run, decide) for run in found.waiting)
        for run in waiting:
            self._waiting.setdefault(run.queue, []).append(run.execution_id)
        missing = Whereabouts(self._app, self._ledger.entered_at).missing(waiting)
        again = SendAgain()
        return ended + sum(self._each(run, lambda run: self._act(run, again)) for run in missing)

    def _each(self, run: RunRecord, act: Callable[[RunRecord], bool]) -> bool:
        """Do something with one run; if only this run cannot have it done, the others go on."""
        try:
            return act(run)
        except Exception as error:
            if concerns_everything(error):
                raise
            self._tell(run.execution_id, error)
            return False

    def _tell(self, execution_id: str, error: Exception) -> None:
        if execution_id not in self._reported:  # once, and not with every look
            self._reported.add(execution_id)
            events.run_unreadable(execution_id, error)

    def _act(self, run: RunRecord, what: SendAgain | EndAttempt) -> bool:
        done = self._send_again(run) if isinstance(what, SendAgain) else self._end(run, what)
        if done:
            events.run_recovered(run, "sent again" if isinstance(what, SendAgain) else str(what.state))
        return done

    def _release_next(self, run: RunRecord) -> bool:
        released = self._ledger.release_waiting(run.task_id, at=self._clock())
        if released is not None:
            self.ending.send_released(released)
        return released is not None

    def _send_again(self, run: RunRecord) -> bool:
        if run.state is RunState.RUNNING:
            if self.ending.interrupt(run, is_lapsed=True) is None:
                return False
            run = replace(run, state=RunState.INTERRUPTED)
        if not self._ledger.mark_resent(run, at=self._clock()):
            return False
        send(self._app, run)
        return True

    def _end(self, run: RunRecord, what: EndAttempt) -> bool:
        now = self._clock()
        changes: dict[str, Any] = {"reason": what.reason, "error": what.error}
        if what.retry_in is not None:
            changes["retry_at"] = now + what.retry_in
        ended = self.ending.end(run, what.state, at=now, **changes)
        if ended is None:
            return False
        self.ending.record(ended, at=now)
        if ended.state is RunState.RETRYING and what.retry_in is not None:
            send(self._app, ended, countdown=what.retry_in.total_seconds())
        return True
