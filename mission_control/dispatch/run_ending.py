"""Ending runs: in the ledger, in the audit stream, and for a task whose delay counts from the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from mission_control.audit.endings import audit_ending, audit_rejection
from mission_control.audit.stream.log import AuditLog
from mission_control.dispatch.run_logs import RunLogs
from mission_control.errors import StoreUnavailableError
from mission_control.events import events
from mission_control.installation.installation import Installation
from mission_control.ledger.ledger import Ledger
from mission_control.messaging.message import send
from mission_control.model.policies.condition import idle_from
from mission_control.model.policies.notices import DEFAULT_CHANNEL, EndNotice, end_notice
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.registry.pauses import Breakers

if TYPE_CHECKING:
    from mission_control.ledger.backfills import Backfills


@dataclass(frozen=True)
class RunEnding:
    """Ends runs and attempts; `due_after_run` says when a task with a fixed delay is due again.

    A run that waited for the end is sent.
    """

    ledger: Ledger
    audit: AuditLog
    logs: RunLogs
    due_after_run: Callable[[str, datetime], float | None]
    breakers: Callable[[], Breakers]
    backfills: Callable[[], Backfills]
    send_run: Callable[[RunRecord], None]
    clock: Callable[[], datetime]
    has_default_channel: bool = False

    @classmethod
    def of(cls, installation: Installation) -> RunEnding:
        """Return the one of an installation."""
        return cls(
            installation.ledger,
            installation.audit,
            RunLogs(installation.client, installation.run_logs),
            # Late, because a registry loads what reads tasks, and few runs need it.
            lambda task_id, at: installation.registry.due_after_run(task_id, at),  # noqa: PLW0108
            lambda: installation.breakers,
            lambda: installation.backfills,
            lambda run: send(installation.celery, run),
            installation.clock,
            any(channel == DEFAULT_CHANNEL for channel, _ in installation.settings.notify),
        )

    def end(
        self,
        run: RunRecord,
        state: RunState,
        *,
        at: datetime,
        **changes: Any,  # noqa: ANN401  # fields of the run
    ) -> RunRecord | None:
        """Move a run to `state` in the ledger; the caller writes the audit record.

        Returns the run as it stands then, None if the ledger refused, because another process has it now.
        """
        next_due = None
        if state.is_final and run.is_fixed_delay:
            next_due = self.due_after_run(run.task_id, at)
        notice = self._notice(run, state, at, changes) if state.is_final else None
        ended = self.ledger.end(run, state, at=at, next_due=next_due, notice=notice, **changes)
        if ended is not None and state.is_final and ended.released_run is not None:
            self.send_released(ended.released_run)
        if ended is not None and ended.breaker is not None and ended.state.is_final:
            self._tell_breaker(ended)
        if ended is not None and ended.backfill is not None and ended.state.is_final:
            self._tell_backfill(ended, ended.backfill)
        if ended is not None and ended.condition_seen is not None and ended.state is RunState.SUCCESS:
            self._note_seen(ended.task_id, ended.condition_seen)
        return ended

    def _notice(
        self, run: RunRecord, state: RunState, at: datetime, changes: Mapping[str, Any]
    ) -> EndNotice | None:
        text = changes.get("error") or changes.get("reason")
        cause: Mapping[str, str] = changes.get("cause") or {}
        is_idle = cause.get("class") == "condition" and self._is_idle(run, at)
        return end_notice(run, state, text=text, at=at, has_default=self.has_default_channel, is_idle=is_idle)

    def _is_idle(self, run: RunRecord, at: datetime) -> bool:
        """Whether the condition that skips a run has said no for so long that it is worth a notice."""
        if run.condition is None or run.notify is None or "idle" not in run.notify["on"]:
            return False
        history, asked = self.ledger.history(run.task_id), run.condition
        least = idle_from(asked["idle_times"], asked["idle_after"], history.last_run, at)
        return history.consecutive_skips + 1 >= least

    def _tell_breaker(self, run: RunRecord) -> None:
        try:
            self.breakers().after_run(run)
        except (RedisError, StoreUnavailableError) as error:  # the run has ended all the same
            events.breaker_failed(run.task_id, error)

    def _tell_backfill(self, run: RunRecord, backfill_id: str) -> None:
        try:
            ended = {"execution_id": run.execution_id, "state": run.state}
            closed = self.backfills().end_run(backfill_id, self.clock(), **ended)
        except (RedisError, StoreUnavailableError) as error:  # beat notes it with its next step
            events.waiting_for_redis(error)
        else:
            if closed is not None:
                events.backfill_over(backfill_id, run.task_id, closed)

    def _note_seen(self, task_id: str, seen: str) -> None:
        try:
            self.ledger.note_condition_seen(task_id, seen)
        except RedisError as error:  # the task runs once more
            events.waiting_for_redis(error)

    def send_released(self, execution_id: str) -> None:
        """Send the run that waited for another to end; if that fails, the sweep sends it."""
        from kombu.exceptions import OperationalError

        try:
            released = self.ledger.get(execution_id)
            if released is not None:
                self.send_run(released)
        except (OperationalError, RedisError) as error:
            events.waiting_for_redis(error)

    def close(
        self,
        run: RunRecord,
        state: RunState,
        reason: str | None,
        *,
        error: str | None = None,
        cause: Mapping[str, str] | None = None,
    ) -> RunRecord | None:
        """End a run that no worker runs, with its audit record; None if the ledger refused.

        Raises:
            RedisError: Redis refused, or cannot be reached.
        """
        now = self.clock()
        ended = self.end(run, state, at=now, reason=reason, error=error, cause=cause)
        if ended is not None:
            self.record(ended, at=now)
        return ended

    def interrupt(self, run: RunRecord, *, counts: bool = False, is_lapsed: bool = False) -> RunRecord | None:
        """Take a run's attempt from a worker that stops or is lost, with its audit record.

        Returns the run; None if the ledger refused, because the worker no longer has it.

        Raises:
            RedisError: Redis refused, or cannot be reached.
        """
        now = self.clock()
        cut_off = self.ledger.interrupt(run, at=now, counts=counts, is_lapsed=is_lapsed)
        if cut_off is not None:
            self.record(cut_off, at=now)
        return cut_off

    def record(self, run: RunRecord, *, at: datetime, has_log: bool = True) -> None:
        """Write the audit record of an attempt that ended at `at`, and the log of a run that is over."""
        audit_ending(self.audit, run, at=at)
        if has_log and run.state.is_final and run.attempt > 0:
            self.logs.archive(run.task_id, run.execution_id, at=at)

    def reject(self, *, handler: str, execution_id: str | None, reason: str) -> None:
        """Write the audit record of a message that was refused."""
        audit_rejection(
            self.audit, handler=handler, execution_id=execution_id, reason=reason, at=self.clock()
        )
