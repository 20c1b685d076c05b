"""Verifying an installation's audit streams: the files, against what Redis knows."""

from pathlib import Path
from typing import Any, Final

from redis import Redis

from mission_control.audit.stream.anchors import read_anchors
from mission_control.audit.stream.chain import host_name
from mission_control.audit.verification.endings_check import LedgerEnding
from mission_control.audit.verification.findings import Verification
from mission_control.audit.verification.verify import verify
from mission_control.model.runs.run_state import FINAL_STATES
from mission_control.store import redis_keys
from mission_control.sweep.late_records import GRACE
from mission_control.sweep.pending_records import pending_final_runs

_AT_ONCE: Final = 1_000


def verify_runs(path: Path, client: Redis) -> Verification:
    """Verify the stream of runs against its chains, their anchors, and the ledger.

    Redis is asked before the files are read, so that a record written meanwhile is no fault. Runs that ended
    in the last seconds are left out, because their records may not be written yet.
    """
    anchors, ledger, pending = read_anchors(client), _endings(client), pending_final_runs(client)
    return verify(path, anchors=anchors, ledger=ledger, pending=pending)


def verify_changes(path: Path, client: Redis) -> Verification:
    """Verify the stream of changes to tasks against its chains and their anchors."""
    return verify(path, anchors=read_anchors(client))


def _endings(client: Redis) -> dict[str, LedgerEnding]:
    seconds: Any = client.time()
    latest = seconds[0] - GRACE.total_seconds()
    finished: Any = client.zrange(redis_keys.FINISHED_RUNS, "-inf", latest, byscore=True, withscores=True)
    endings: dict[str, LedgerEnding] = {}
    for begin in range(0, len(finished), _AT_ONCE):
        batch = finished[begin : begin + _AT_ONCE]
        with client.pipeline(transaction=False) as pipe:
            for execution_id, _ in batch:
                pipe.hmget(redis_keys.run(execution_id), "state", "worker", "recorded_by")
            for (execution_id, ended_at), (state, worker, writer) in zip(batch, pipe.execute(), strict=True):
                if state in FINAL_STATES:
                    endings[execution_id] = LedgerEnding(state, float(ended_at), _host(worker), writer)
    return endings


def _host(worker: str | None) -> str | None:
    """Return the host in a worker's name, as writers' names have it.

    >>> _host("celery@web-1")
    'web_1'
    """
    return None if worker is None else host_name(worker.rpartition("@")[2])
