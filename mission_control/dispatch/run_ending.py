"""Ending a run in the ledger, and what its end brings about besides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mission_control.audit.endings import audit_ending

if TYPE_CHECKING:
    from datetime import datetime

    from mission_control.installation.installation import Installation
    from mission_control.model.runs.run_record import RunRecord
    from mission_control.model.runs.run_state import RunState


def end_run(
    run: RunRecord,
    state: RunState,
    *,
    at: datetime,
    installation: Installation,
    **changes: Any,  # noqa: ANN401  # fields of the run
) -> RunRecord | None:
    """Move a run to `state` in the ledger; a task with a fixed delay is due again, counted from its end.

    Returns the run as it stands then, None if the ledger refused, because it is elsewhere by now.
    """
    next_due = None
    if state.is_final and run.is_fixed_delay:
        next_due = installation.registry.due_after_run(run.task_id, at)
    return installation.ledger.end(run, state, at=at, next_due=next_due, **changes)


def close_run(
    installation: Installation,
    run: RunRecord,
    state: RunState,
    reason: str | None,
    *,
    error: str | None = None,
) -> RunRecord | None:
    """End a run that nobody runs, with its audit record; None if the ledger refused.

    Raises:
        RedisError: Redis could not be told.
    """
    now = installation.clock()
    ended = end_run(run, state, at=now, installation=installation, reason=reason, error=error)
    if ended is not None:
        audit_ending(installation.audit, ended, at=now)
    return ended
