"""The whole history in SQL: Parquet files of sealed audit files, and a question about all records."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import duckdb

from benchmarks.figures import Round
from benchmarks.place import CHECKOUT, MeasurementError
from mission_control.operate.history import History

_FILES: Final = 10
_RECORD: Final = """
    SELECT strftime(due, '%Y-%m-%dT%H:%M:%S.234Z') AS timestamp, 'briefing_' || number % 1000 AS task_id,
        CASE WHEN number % 50 = 0 THEN 'failure' ELSE 'success' END AS status, number % 9000 AS duration_ms,
        'Briefing generated successfully' AS output, NULL AS error,
        'briefing_' || number % 1000 || '@' || strftime(due, '%Y%m%dT%H%M%SZ') AS execution_id,
        strftime(due, '%Y-%m-%dT%H:%M:%SZ') AS scheduled_time, 1 AS attempt, true AS final,
        'schedule' AS trigger, 'handlers.daily_briefing.run' AS handler, number % 3000 AS lateness_ms,
        'celery@host' AS worker, sha256(number::VARCHAR) AS prev, 'w1' AS writer, number AS seq
    FROM (SELECT range AS number, TIMESTAMP '2026-01-01' + to_seconds(range) AS due
        FROM range({start}, {end}))
"""
_QUESTION: Final = """
    SELECT task_id, count(*) AS runs, avg((status = 'success')::INTEGER) AS success_rate,
        quantile_cont(duration_ms, [0.5, 0.95, 0.99]) AS duration, max(timestamp) AS last
    FROM records WHERE final GROUP BY task_id ORDER BY success_rate LIMIT 20
"""


def measure_history(records: int) -> Round:
    """Make the Parquet files of so many records in ten sealed files, and ask about all of them.

    Raises:
        MeasurementError: not all records were found.
    """
    with tempfile.TemporaryDirectory(prefix="mission-control-benchmark-") as folder:
        path = Path(folder) / "logs" / "task_execution.jsonl"
        path.parent.mkdir()
        size = records // _FILES
        for number in range(_FILES):
            written = _RECORD.format(start=number * size, end=(number + 1) * size)
            duckdb.execute(f"COPY ({written}) TO '{path}.{_FILES - number}' (FORMAT json)")
        history = History(path, Path(folder) / "history")
        build, build_cpu = _timed(history.build)
        with history.answer("SELECT count(*) FROM records") as (_, rows):
            if [*rows] != [(size * _FILES,)]:
                raise MeasurementError("not all records were found")
        seconds, cpu = _timed(lambda: _ask(history))
        command, _ = _timed(lambda: _command(Path(folder)))
        kept = sum(one.stat().st_size for one in history.folder.iterdir())
        return {
            "query_seconds": seconds,
            "command_seconds": command,
            "query_cpu_seconds": cpu,
            "build_seconds": build,
            "build_cpu_seconds": build_cpu,
            "parquet_bytes_per_record": kept / records,
        }


def _ask(history: History) -> object:
    with history.answer(_QUESTION) as (_, rows):
        return [*rows]


def _command(data: Path) -> object:
    argv = [sys.executable, "-m", "mission_control", "audit", "query", "--sql", _QUESTION, "--json"]
    environment = {**os.environ, "MISSION_CONTROL_DATA_DIR": str(data)}
    return subprocess.run(argv, env=environment, cwd=CHECKOUT, check=True, capture_output=True)


def _timed(act: Callable[[], object]) -> tuple[float, float]:
    began, cpu = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - began, time.process_time() - cpu
