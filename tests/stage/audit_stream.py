"""Reading the audit stream in tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mission_control.audit.stream.reader import read_all
from mission_control.operate.audit_verification import repair, verify_changes, verify_runs
from mission_control.sweep.late_records import LateRecords

if TYPE_CHECKING:
    from mission_control.audit.verification.findings import Verification
    from mission_control.installation.installation import Installation
    from mission_control.operate.audit_verification import Repair


def records_of(installation: Installation, task_id: str) -> list[dict[str, Any]]:
    """Return a task's records, attempts of a run in their order (see `attempt`), runs as they ended."""
    path = installation.settings.task_execution_log
    if not path.exists():
        return []
    return [record for record in read_all(path) if record["task_id"] == task_id]


def final_records_of(installation: Installation, task_id: str) -> list[dict[str, Any]]:
    """Return the records that end a run of a task."""
    return [record for record in records_of(installation, task_id) if record["final"]]


def verified_runs(installation: Installation) -> Verification:
    """Return what `audit verify` finds in the stream of runs."""
    return verify_runs(installation.audit.path, installation.client)


def verified_changes(installation: Installation) -> Verification:
    """Return what `audit verify` finds in the stream of changes."""
    return verify_changes(installation.changes.path, installation.client)


def repaired(installation: Installation, *, is_dry_run: bool = False) -> Repair:
    """Repair the stream of runs, as `audit repair` does."""
    return repair(LateRecords.of(installation), installation.ledger, is_dry_run=is_dry_run)
