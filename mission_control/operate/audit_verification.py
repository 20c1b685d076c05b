"""Verifying an installation's audit streams against what Redis remembers, and repairing that of runs."""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from redis import Redis

from mission_control.audit.pending.pending_records import AFTER_SECONDS
from mission_control.audit.stream.chain import Anchor, KnownTime, read_anchors
from mission_control.audit.stream.log import AuditLog
from mission_control.audit.verification.findings import (
    Memory,
    Verification,
    acknowledgement,
    read_acknowledgements,
)
from mission_control.audit.verification.verify import LedgerEnding, verify
from mission_control.ledger.ledger import Ledger
from mission_control.model.runs.record_identity import final_run
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import FINAL_STATES
from mission_control.store import redis_keys
from mission_control.sweep.late_records import GRACE, LateRecords
from mission_control.sweep.pending_records import late_record, pending_final_runs

_AT_ONCE: Final = 1_000


def verify_streams(runs: Path, changes: Path, logs: Path, client: Redis | None) -> dict[str, Verification]:
    """Verify all streams; without a client only the files, against themselves.

    Acknowledged faults do not count.
    """
    acknowledged = read_acknowledgements(changes, None if client is None else read_anchors(client))
    chains = {"changes": changes, "logs": logs}
    if client is None:
        files = {"runs": runs, **chains}
        return {name: verify(path, acknowledged=acknowledged) for name, path in files.items()}
    return {
        "runs": verify_runs(runs, client, acknowledged=acknowledged),
        **{name: verify_changes(path, client, acknowledged=acknowledged) for name, path in chains.items()},
    }


def acknowledge_faults(
    verifications: Iterable[Verification],
    changes: AuditLog,
    *,
    actor: str,
    reason: str,
    at: datetime,
) -> None:
    """Acknowledge every fault that verifications have found, if there are any.

    Raises:
        AuditWriteError: the acknowledgement cannot be written.
    """
    faults = {fault for one in verifications for fault in one.faults}
    if faults:
        changes.append(acknowledgement(faults, actor=actor, reason=reason, at=at))
        changes.flush()


def verify_runs(
    path: Path, client: Redis, *, acknowledged: Mapping[str, str] = MappingProxyType({})
) -> Verification:
    """Verify the stream of runs against its chains, their anchors, and the ledger.

    Redis is asked before the files are read, so that a record written meanwhile is no fault. Runs that ended
    in the last seconds are left out, because their records may not be written yet.
    """
    memory, anchors = _memory(client), read_anchors(client)
    ledger, pending = _endings(client), pending_final_runs(client)
    return verify(
        path, anchors=anchors, ledger=ledger, pending=pending, memory=memory, acknowledged=acknowledged
    )


def verify_changes(
    path: Path, client: Redis, *, acknowledged: Mapping[str, str] = MappingProxyType({})
) -> Verification:
    """Verify a stream that is not of runs against its chains and their anchors."""
    memory = _memory(client)
    return verify(path, anchors=read_anchors(client), memory=memory, acknowledged=acknowledged)


def _memory(client: Redis) -> Memory | None:
    def anchors_later() -> Mapping[str, Anchor]:
        time.sleep(AFTER_SECONDS)
        return read_anchors(client)

    known_time = KnownTime.read(client)
    if known_time is None:
        return None
    return Memory(known_time, time.time(), anchors_later, lambda runs: _known_among(client, runs))


def _known_among(client: Redis, runs: Collection[str]) -> set[str]:
    names, known = list(runs), set()
    for begin in range(0, len(names), _AT_ONCE):
        batch = names[begin : begin + _AT_ONCE]
        with client.pipeline(transaction=False) as pipe:
            for execution_id in batch:
                pipe.exists(redis_keys.run(execution_id))
                pipe.zscore(redis_keys.FINISHED_RUNS, execution_id)
            answers = pipe.execute()
        found = zip(batch, answers[::2], answers[1::2], strict=True)
        known |= {execution_id for execution_id, has_run, score in found if has_run or score is not None}
    return known


def _endings(client: Redis) -> dict[str, LedgerEnding]:
    seconds: Any = client.time()
    latest = seconds[0] - GRACE.total_seconds()
    finished: Any = client.zrange(redis_keys.FINISHED_RUNS, "-inf", latest, byscore=True, withscores=True)
    endings: dict[str, LedgerEnding] = {}
    for begin in range(0, len(finished), _AT_ONCE):
        batch = finished[begin : begin + _AT_ONCE]
        with client.pipeline(transaction=False) as pipe:
            for execution_id, _ in batch:
                pipe.hmget(redis_keys.run(execution_id), "state", "recorded_by")
            for (execution_id, ended_at), (state, writer) in zip(batch, pipe.execute(), strict=True):
                if state in FINAL_STATES:
                    endings[execution_id] = LedgerEnding(state, float(ended_at), writer)
    return endings


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
