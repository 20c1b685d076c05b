"""What becomes of a task's runs when the task is removed or disabled: no further attempt of them begins."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from mission_control.audit.endings import audit_ending
from mission_control.audit.stream.log import AuditLog
from mission_control.ledger.ledger import Ledger
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import WAITING_STATES, RunState
from mission_control.model.values.identifiers import known_form


@dataclass(frozen=True)
class WaitingRuns:
    """Cancels waiting runs of tasks, with their records.

    A run that is running goes on, and no attempt follows it, even if its task is enabled, or another one with
    its id registered, before the attempt ends.
    """

    ledger: Ledger
    audit: AuditLog
    clock: Callable[[], datetime]

    def active_of(self, task_id: str) -> list[RunRecord]:
        """Return a task's runs that are not over."""
        return self.ledger.active_of(known_form(task_id))

    def of_removed(self, active: Iterable[RunRecord]) -> None:
        """Cancel the waiting runs among those that a removed task had."""
        self._cancel(active, "its task was removed")

    def of_disabled(self, task_id: str) -> None:
        """Cancel all waiting runs of a disabled task."""
        self._cancel(self.active_of(task_id), "its task was disabled")

    def _cancel(self, active: Iterable[RunRecord], reason: str) -> None:
        runs, at = list(active), self.clock()
        self.ledger.revoke((run.execution_id for run in runs if run.state is RunState.RUNNING), reason)
        for run in runs:
            if run.state in WAITING_STATES:
                cancelled = self.ledger.end(run, RunState.CANCELLED, at=at, reason=reason)
                if cancelled is not None:
                    audit_ending(self.audit, cancelled, at=at)
