"""Verifying an installation's audit streams: the files, against what Redis knows."""

import time
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from redis import Redis

from mission_control.audit.pending.written_records import AFTER_SECONDS
from mission_control.audit.stream.anchors import Anchor, read_anchors
from mission_control.audit.stream.known_time import KnownTime
from mission_control.audit.stream.log import AuditLog
from mission_control.audit.verification.acknowledgements import acknowledgement, read_acknowledgements
from mission_control.audit.verification.endings_check import LedgerEnding
from mission_control.audit.verification.findings import Verification
from mission_control.audit.verification.memory import Memory
from mission_control.audit.verification.verify import verify
from mission_control.model.runs.run_state import FINAL_STATES
from mission_control.store import redis_keys
from mission_control.sweep.late_records import GRACE
from mission_control.sweep.pending_records import pending_final_runs

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
