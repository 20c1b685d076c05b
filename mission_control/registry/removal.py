"""What becomes of a task's runs when the task is removed: no further attempt begins."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from mission_control.audit.endings import audit_ending
from mission_control.audit.stream.log import AuditLog
from mission_control.ledger.ledger import Ledger
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState

_REASON: Final = "its task was removed"


def cancel_retries(active: Iterable[RunRecord], ledger: Ledger, audit: AuditLog, at: datetime) -> None:
    """Cancel the runs that wait for another attempt, and note of the running ones that none may follow.

    The note holds even if a task with the same id is registered before the attempt ends.
    """
    runs = list(active)
    ledger.revoke((run.execution_id for run in runs if run.state is RunState.RUNNING), _REASON)
    for run in runs:
        if run.state is RunState.RETRYING:
            cancelled = ledger.end(run, RunState.CANCELLED, at=at, reason=_REASON)
            if cancelled is not None:
                audit_ending(audit, cancelled, at=at)
