"""The audit stream in a large file: append, verify, the last records of a task."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.figures import Round
from benchmarks.place import MeasurementError
from mission_control.audit.record.records import ExecutionRecord
from mission_control.audit.stream.log import AuditLog
from mission_control.audit.stream.reader import tail
from mission_control.audit.verification.verify import verify

_NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_TASKS = 1_000
_LAST = 100


def measure_audit(records: int) -> Round:
    """Write a file of so many records, of a thousand tasks by turns, then verify it and look one task up.

    Raises:
        MeasurementError: what was written was not found.
    """
    with tempfile.TemporaryDirectory(prefix="mission-control-benchmark-") as folder:
        path = Path(folder) / "task_execution.jsonl"
        return {**_append(path, records), **_read(path, records)}


def _append(path: Path, records: int) -> Round:
    """Write the file and return what a record costs: the append, and with building and masking it."""
    log, spent = AuditLog(path), 0.0
    began = time.perf_counter()
    for number in range(records):
        entry = _record(number).to_dict()
        before = time.perf_counter()
        log.append(entry)
        spent += time.perf_counter() - before
    whole = time.perf_counter() - began
    return {"append_us": spent / records * 1e6, "append_with_building_us": whole / records * 1e6}


def _record(number: int) -> ExecutionRecord:
    # The task asked for stands evenly in the file, as a task with a steady schedule does.
    due = _NOON + timedelta(seconds=number)
    task_id = f"briefing_{number % _TASKS:03}"
    return ExecutionRecord(
        timestamp=due + timedelta(milliseconds=234),
        task_id=task_id,
        status="success",
        duration_ms=219,
        output="Briefing generated successfully",
        execution_id=f"{task_id}@{due:%Y%m%dT%H%M%SZ}",
        scheduled_time=due,
        attempt=1,
        handler="handlers.daily_briefing.run",
        started_at=due + timedelta(milliseconds=15),
        worker="celery@host",
        revision=3,
    )


def _read(path: Path, records: int) -> Round:
    began, cpu = time.perf_counter(), time.process_time()
    verification = verify(path)
    verified, cpu = time.perf_counter(), time.process_time() - cpu
    found = tail(path, _LAST, task_id="briefing_007")
    found_at = time.perf_counter()
    if not verification.is_sound or verification.records != records:
        raise MeasurementError(f"the verification of an untouched file found {verification.counts}")
    if len(found) != min(_LAST, records // _TASKS):
        raise MeasurementError(f"{len(found)} records of the task were found")
    return {
        "megabytes": path.stat().st_size / 1e6,
        "verify_records_per_second": records / (verified - began),
        "verify_records_per_cpu_second": records / cpu,
        "tail_of_a_task_ms": (found_at - verified) * 1_000,
    }
