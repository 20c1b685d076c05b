"""The audit record of a run as the ledger has it."""

from datetime import datetime
from typing import Final

from mission_control.audit.pending.pending_records import write_or_pend
from mission_control.audit.record.records import ExecutionRecord, Status
from mission_control.audit.stream.log import AuditLog
from mission_control.errors import AuditWriteError
from mission_control.events import events
from mission_control.model.policies.deadlines import late
from mission_control.model.runs.lags import lags_to_count
from mission_control.model.runs.run_record import RunRecord, Trigger
from mission_control.model.runs.run_state import RunState

_LEASE_RAN_OUT: Final = "its lease ran out; the attempt begins again"
_STATUS: Final[dict[RunState, Status]] = {
    RunState.RUNNING: "worker_lost",  # as the run was when its lease had run out
    RunState.INTERRUPTED: "interrupted",
    RunState.RETRYING: "retry",
    RunState.SUCCESS: "success",
    RunState.FAILURE: "failure",
    RunState.TIMED_OUT: "timed_out",
    RunState.LOST: "lost",
    RunState.CANCELLED: "cancelled",
    RunState.EXPIRED: "expired",
    RunState.SKIPPED: "skipped",
    RunState.MISSED: "missed",
}


def audit_ending(audit: AuditLog, run: RunRecord, *, at: datetime) -> None:
    """Append the record of how an attempt, and perhaps the run with it, ended at `at`.

    A run that was running is one whose worker was lost.
    A record that cannot be written is logged and never breaks the caller: the ledger has the ending.
    """
    try:
        audit.append(ending_record(run, at=at).to_dict())
    except AuditWriteError as error:  # it stays pending in the ledger
        events.audit_write_failed(audit.path, error)


def audit_rejection(
    audit: AuditLog, *, handler: str, execution_id: str | None, reason: str, at: datetime
) -> None:
    """Append the record of a message that was refused, so that no run came of it.

    One that cannot be written is kept, and written later.
    """
    record = ExecutionRecord(
        timestamp=at,
        task_id=handler,
        status="rejected",
        execution_id=execution_id,
        handler=handler,
        trigger=Trigger.PLAIN,
        reason=reason,
    )
    write_or_pend(audit, record.to_dict())


def ending_record(run: RunRecord, *, at: datetime) -> ExecutionRecord:
    """Return the record of a run that has just left an attempt or its worker, or ended without one."""
    is_lost = run.state is RunState.RUNNING
    is_cut_off = is_lost or run.state is RunState.INTERRUPTED
    return ExecutionRecord(
        timestamp=at,
        task_id=run.task_id,
        status=_STATUS[run.state],
        duration_ms=run.duration_until(at) if is_cut_off else run.duration_ms,
        output=run.output,
        error=run.error,
        execution_id=run.execution_id,
        scheduled_time=run.scheduled_time,
        moved_to=run.moved_to,
        attempt=run.attempt if run.attempt > 0 else None,
        final=run.state.is_final,
        trigger=run.trigger,
        handler=run.handler,
        started_at=run.started_at,
        worker=run.worker,
        reason=_LEASE_RAN_OUT if is_lost else run.reason,
        cause=run.cause,
        revision=run.revision,
        delivery=run.fence if is_cut_off else None,
        upstream=run.upstream,
        spent=run.spent,
        calls=run.calls,
        late=late(run) if run.state.is_final else [],
        lags_ms=lags_to_count(run),
    )
