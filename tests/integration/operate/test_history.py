"""The whole history in SQL: what it finds, from which files, and what it cannot reach."""

from __future__ import annotations

import gzip
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.audit.record.records import ExecutionRecord
from mission_control.audit.stream.log import AuditLog
from mission_control.errors import HistoryError
from mission_control.operate.history import COLUMNS, History
from tests.stage.command_line import mc

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def history(bare_environment: pytest.MonkeyPatch, tmp_path: Path) -> History:
    assert bare_environment is not None
    log = AuditLog(tmp_path / "data" / "logs" / "task_execution.jsonl")
    for hour in range(6):
        fields: dict[str, Any] = {"status": "failure", "error": "x"} if hour % 2 else {"status": "success"}
        at = NOON + timedelta(hours=hour)
        record = ExecutionRecord(
            timestamp=at, task_id="tea", execution_id=f"r{hour}", output={"n": hour}, **fields
        )
        log.append(record.to_dict())
        if hour in {1, 3}:
            log.path.rename(f"{log.path}.{3 - hour // 2}")
    first = log.path.with_name(f"{log.path.name}.3")
    with gzip.open(f"{first}.gz", "wb") as packed:
        packed.write(first.read_bytes())
    first.unlink()
    with log.path.open("ab") as live:
        live.write(b'no JSON\n{"torn": ')
    return History(log.path, tmp_path / "data" / "history")


def rows(history: History, sql: str) -> list[tuple[Any, ...]]:
    with history.answer(sql) as (_, found):
        return list(found)


def test_query_sees_packed_sealed_and_live_files(history: History) -> None:
    sql = "SELECT execution_id, status, timestamp FROM records ORDER BY 1"
    found = rows(history, sql)
    assert [one[0] for one in found] == [f"r{hour}" for hour in range(6)]
    assert found[1][1:] == ("failure", (NOON + timedelta(hours=1)).replace(tzinfo=None))
    assert rows(history, "SELECT output->>'n' FROM records WHERE execution_id = 'r4'") == [("4",)]
    with history.answer("SELECT * FROM records") as (names, _):
        assert names == list(COLUMNS)


def test_history_file_is_private_and_made_again_when_its_source_changes(history: History) -> None:
    assert len(history.build()) == 2
    assert history.build() == []
    files = sorted(history.folder.iterdir())
    assert {oct(one.stat().st_mode)[-3:] for one in files} == {"600"}
    source = history.path.with_name(f"{history.path.name}.2")
    source.rename(history.path.with_name(f"{history.path.name}.4"))
    assert history.build() == []
    source = history.path.with_name(f"{history.path.name}.4")
    times = source.stat()
    source.write_bytes(source.read_bytes().replace(b'"r3"', b'"rX"'))
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert len(history.build()) == 1
    assert ("rX",) in rows(history, "SELECT execution_id FROM records")
    files[0].write_bytes(b"damaged")
    for stray in ("stray.parquet", "old.tmp"):
        (history.folder / stray).write_bytes(b"")
    assert len(rows(history, "SELECT 1 FROM records")) == 6
    source.unlink()
    assert history.build() == []
    assert len([*history.folder.glob("*.parquet")]) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM read_csv('{other}')",
        "SELECT * FROM '{other}'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_parquet('http://127.0.0.1:1/x.parquet')",
        "COPY (SELECT 1) TO '{other}'",
        "ATTACH '{other}'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "PRAGMA database_list",
        "DROP VIEW records",
        "CREATE TABLE x AS SELECT 1",
        "SELECT 1; SELECT 2",
        "SELECT 1; COPY records TO '{other}'",
        "SELEC 1",
        "SELECT nothing FROM records",
        "",
        "SELECT '\x00",
    ],
)
def test_query_reaches_nothing_else_and_changes_nothing(history: History, sql: str, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(HistoryError):
        rows(history, sql.format(other=other))
    assert other.read_text() == "a,b\n1,2\n"


def test_history_of_nothing_is_empty(tmp_path: Path) -> None:
    assert rows(History(tmp_path / "none.jsonl", tmp_path / "history"), "SELECT count(*) FROM records") == [
        (0,)
    ]


def test_missing_duckdb_is_named_with_its_remedy(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(HistoryError, match=r"pip install 'mission-control\[history\]'"):
        rows(history, "SELECT 1")


def test_command_prints_rows(history: History) -> None:
    assert history.path.exists()
    sql = "SELECT status, count(*) AS runs, max(timestamp) AS last FROM records GROUP BY 1 ORDER BY 1"
    assert mc("audit", "query", "--sql", sql, "--json").json == [
        {"status": "failure", "runs": 3, "last": "2026-03-01T17:00:00Z"},
        {"status": "success", "runs": 3, "last": "2026-03-01T16:00:00Z"},
    ]
    shown = mc("audit", "query", "--sql", sql, "-n", "1")
    assert ("failure" in shown.out, "success" in shown.out) == (True, False)
    wrong = mc("audit", "query", "--sql", "DELETE FROM records")
    assert (wrong.code, "one SELECT statement, this is DELETE" in wrong.err) == (2, True)
    assert mc("audit", "query", "--sql", "SELECT 1", "--task", "tea").code == 2
    assert "made 0 history files" in mc("audit", "index").err
    assert "made 2 history files" in mc("audit", "index", "--rebuild").err
