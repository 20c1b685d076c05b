"""`python -m benchmarks.audit`: the audit stream in a large file: append, verify, the last records of a task.

Prints a report as JSON on stdout; nothing of an installation is touched.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Round, rounded, summary
from mission_control.audit import AuditLog, ExecutionRecord, tail
from mission_control.audit.verify import verify

if TYPE_CHECKING:
    from collections.abc import Sequence

_NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_TASKS = 1_000
_LAST = 100


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the report, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="mc-bench-audit-") as folder:
        report = measure(Path(folder) / "task_execution.jsonl", options.records, options.rounds)
    print(json.dumps(report, indent=2))
    return 0


def measure(path: Path, records: int, rounds: int) -> dict[str, object]:
    """Return the figures of `rounds` rounds on a file of `records` records, written once."""
    append_us = _append(path, records)
    ours = summary([_round(path, records) for _ in range(rounds)])
    return {
        "benchmark": "audit",
        "records": records,
        "tasks": _TASKS,
        "bytes": path.stat().st_size,
        "processors": os.cpu_count(),
        "python": sys.version.partition(" ")[0],
        "append_us": append_us,
        "ours": ours,
    }


def _append(path: Path, records: int) -> dict[str, float]:
    """Write the file and return what a record costs: the append, and with building and masking it."""
    log, spent = AuditLog(path), 0.0
    began = time.perf_counter()
    for number in range(records):
        entry = _record(number).to_dict()
        before = time.perf_counter()
        log.append(entry)
        spent += time.perf_counter() - before
    whole = time.perf_counter() - began
    return {"append": rounded(spent / records * 1e6), "with_building": rounded(whole / records * 1e6)}


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


def _round(path: Path, records: int) -> Round:
    began = time.perf_counter()
    verification = verify(path)
    verified = time.perf_counter()
    found = tail(path, _LAST, task_id="briefing_007")
    found_at = time.perf_counter()
    if not verification.is_sound or verification.records != records:
        raise RuntimeError(f"the verification of an untouched file found {verification.counts}")
    if len(found) != min(_LAST, records // _TASKS):
        raise RuntimeError(f"{len(found)} records of the task were found")
    return {
        "verify_records_per_second": records / (verified - began),
        "tail_of_a_task_ms": (found_at - verified) * 1_000,
    }


if __name__ == "__main__":
    sys.exit(main())
