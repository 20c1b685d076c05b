"""Repairing the stream of runs: missing records are appended; no line is changed."""

from dataclasses import dataclass

from mission_control.audit.verification.findings import Verification
from mission_control.ledger.ledger import Ledger
from mission_control.model.runs.record_identity import final_run
from mission_control.model.runs.run_record import RunRecord
from mission_control.operate.audit_verification import verify_runs
from mission_control.sweep.late_records import LateRecords
from mission_control.sweep.pending_records import late_record


@dataclass(frozen=True)
class Repair:
    """What was repaired, or would be: pending records, and records that were missing."""

    written: int
    added: tuple[str, ...]

    @property
    def is_nothing(self) -> bool:
        """Whether there was nothing to repair."""
        return not (self.written or self.added)


def repair(late_records: LateRecords, ledger: Ledger, *, is_dry_run: bool = False) -> Repair:
    """Make the stream of runs whole, as far as Redis knows what is missing.

    Pending records are written; runs that the ledger has ended and the stream does not know get their final
    record from the ledger. Each of these is marked `"repaired": true` and dated as the ending was. No line is
    rewritten or removed, so a verification still finds what was changed, removed or moved. A second repair
    finds nothing to do.

    Raises:
        AuditWriteError: the stream cannot be written; what was written before stays, and is not repeated.
    """
    audit = late_records.audit
    overdue = late_records.overdue() if is_dry_run else []
    written = len(overdue) if is_dry_run else _write_all(late_records)
    left_out = {final_run(pending.identity) for pending in overdue}
    missing = _missing(verify_runs(audit.path, late_records.client), ledger, left_out)
    for run in missing if not is_dry_run else []:
        assert run.finished_at is not None  # noqa: S101  # `_missing` has seen to it
        audit.append(late_record(run, at=run.finished_at))
    return Repair(written, tuple(run.execution_id for run in missing))


def _write_all(late_records: LateRecords) -> int:
    written = 0
    while count := late_records.write():
        written += count
    return written


def _missing(verification: Verification, ledger: Ledger, left_out: set[str | None]) -> list[RunRecord]:
    """Return the runs without a final record whose record no other process is about to write."""
    ids = set(verification.unrecorded) - set(verification.pending) - left_out
    runs = [ledger.get(execution_id) for execution_id in sorted(ids)]
    return [run for run in runs if run is not None and run.finished_at is not None]
