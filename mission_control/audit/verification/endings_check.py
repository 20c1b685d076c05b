"""Checking the endings in a stream: each run ended once, and as the ledger says."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from sys import intern
from typing import Any

from mission_control.audit.record.masking import clean_name
from mission_control.audit.verification.findings import Findings, Kind


@dataclass(frozen=True, slots=True)
class LedgerEnding:
    """How the ledger says a run ended, and when.

    `writer` is the process that reported its final record as written, None if none did.
    """

    status: str
    ended_at: float
    writer: str | None = None


class EndingsCheck:
    """Collects the final records of a stream, and what is wrong with them."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._suspects: dict[str, tuple[Path, int, str]] = {}
        self._seen: dict[str, str] = {}

    def record(
        self, record: Mapping[str, Any], digest: str, file: Path, line: int, *, is_suspect: bool
    ) -> None:
        """Take in a record; what is no final record of a run is passed over.

        `is_suspect` is whether the ledger remembers all runs of its time.
        """
        execution_id, status = record.get("execution_id"), record.get("status")
        if record.get("final") is not True or not isinstance(execution_id, str) or status == "rejected":
            return  # a message may be refused as often as it comes
        ending = intern(f"{status}, attempt {record.get('attempt')}")
        before = self._seen.get(execution_id)
        if before is None:
            self._seen[execution_id] = ending
            if is_suspect:
                self._suspects[execution_id] = (file, line, digest)
        elif before == ending:
            message = f"{execution_id} is recorded twice, and counts once"
            self._findings.add(Kind.TWICE, message, file, line, execution_id)
        else:
            message = f"{execution_id} ended twice: {before}, and here {ending}"
            self._findings.add(Kind.CONTRADICTORY, message, file, line, execution_id)

    def find_unknown(self, known_among: Callable[[Collection[str]], set[str]]) -> None:
        """Look for records of runs that no ledger had, though it would remember them."""
        known = known_among(self._suspects) if self._suspects else set()
        for execution_id, (file, line, digest) in self._suspects.items():
            if execution_id not in known:
                message = f"the ledger never had run {execution_id}"
                self._findings.add(Kind.UNKNOWN_RUN, message, file, line, execution_id, content=digest)

    def compare(
        self,
        ledger: Mapping[str, LedgerEnding],
        *,
        pending: Collection[str],
        writers: Collection[str],
        begins: float | None,
    ) -> list[str]:
        """Compare with the runs that the ledger has ended; return the ids of those without a record here.

        `pending` are ids of runs whose record is pending. What ended before `begins` is in files
        that are gone. A record by another than this stream's `writers` is elsewhere.
        """
        unrecorded = []
        for execution_id, ending in ledger.items():
            seen = self._seen.get(clean_name(execution_id))
            if seen is not None:
                status = seen.partition(",")[0]
                if status != ending.status:
                    message = f"{execution_id} is {status} here and {ending.status} in the ledger"
                    self._findings.add(Kind.DISAGREES, message, execution_id=execution_id)
            elif begins is not None and ending.ended_at <= begins + 1:
                continue
            elif execution_id not in pending and ending.writer is not None and ending.writer not in writers:
                message = f"{execution_id} was recorded by {ending.writer}, in another stream than this"
                self._findings.add(Kind.ELSEWHERE, message, execution_id=execution_id)
            else:
                unrecorded.append(execution_id)
                self._unrecorded(execution_id, ending, is_pending=execution_id in pending)
        return unrecorded

    def _unrecorded(self, execution_id: str, ending: LedgerEnding, *, is_pending: bool) -> None:
        if is_pending:
            message = f"the record of {execution_id} ({ending.status}) is pending, and will be written"
            self._findings.add(Kind.PENDING, message, execution_id=execution_id)
        else:
            message = f"{execution_id} ended {ending.status} in the ledger and has no record here"
            self._findings.add(Kind.UNRECORDED, message, execution_id=execution_id)
