"""What becomes of a task's runs when the task is removed or disabled: no further attempt of them begins."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mission_control.audit.endings import audit_ending
from mission_control.audit.stream.log import AuditLog
from mission_control.ledger.ledger import Ledger
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import WAITING_STATES, RunState
from mission_control.model.values.identifiers import known_form

REMOVED: Final = "its task was removed"


@dataclass(frozen=True)
class WaitingRuns:
    """Cancels waiting runs of tasks, with their records.

    A run that is running goes on, and no attempt follows it, even if its task is enabled, or another one with
    its id registered, before the attempt ends.
    """

    ledger: Ledger
    audit: AuditLog
    clock: Callable[[], datetime]

    def of_removed(self, execution_ids: Iterable[str]) -> None:
        """Cancel the waiting runs among those that a removed task had, all of which are revoked."""
        self.ledger.forget_revoked(self._cancel(self.ledger.get_all(execution_ids), REMOVED))

    def of_disabled(self, task_id: str) -> None:
        """Cancel all waiting runs of a disabled task."""
        self._cancel(self.ledger.active_of(known_form(task_id)), "its task was disabled")

    def _cancel(self, runs: Sequence[RunRecord], reason: str) -> list[str]:
        at, done = self.clock(), list[str]()
        self.ledger.revoke((run.execution_id for run in runs if run.state is RunState.RUNNING), reason)
        for run in runs:
            if run.state in WAITING_STATES:
                cancelled = self.ledger.end(run, RunState.CANCELLED, at=at, reason=reason)
                if cancelled is not None:
                    audit_ending(self.audit, cancelled, at=at)
                    done.append(run.execution_id)
        return done
