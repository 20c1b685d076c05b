from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.audit.record.records import ExecutionRecord
from mission_control.audit.stream.log import AuditLog
from tests.stage.command_line import mc

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def stream(bare_environment: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    assert bare_environment is not None
    log = AuditLog(tmp_path / "data" / "logs" / "task_execution.jsonl")
    for hour in range(6):
        record = ExecutionRecord(
            timestamp=NOON + timedelta(hours=hour),
            task_id="tea" if hour % 2 else "coffee",
            status="success" if hour < 4 else "failure",
            execution_id=f"r{hour}",
            final=hour != 3,
        )
        log.append(record.to_dict())
        if hour == 2:
            log.path.rename(f"{log.path}.1")
    return log.path


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), "r0 r1 r2 r3 r4 r5"),
        (("-n", "2"), "r0 r1"),
        (("--task", "tea"), "r1 r3 r5"),
        (("--task", "tea", "--final"), "r1 r5"),
        (("--run", "r2"), "r2"),
        (("--status", "failure"), "r4 r5"),
        (("--from", "2026-03-01T13:00:00Z", "--to", "2026-03-01T15:00:00Z"), "r1 r2"),
        (("--from", "2026-03-01T16:00"), "r4 r5"),
    ],
)
def test_audit_query_finds_records_in_all_files(stream: Path, options: tuple[str, ...], found: str) -> None:
    assert stream.exists()
    answer = mc("audit", "query", "--json", *options)
    assert [one["execution_id"] for one in answer.json] == found.split()
    assert mc("audit", "query", "--count", *options).out == f"{len(found.split())}\n"


def test_text_output_has_a_line_for_each_record(stream: Path) -> None:
    assert stream.exists()
    assert len(mc("audit", "query", "--task", "tea").out.splitlines()) == 4


def test_audit_query_without_a_match_says_so(stream: Path) -> None:
    assert stream.exists()
    assert "no such records" in mc("audit", "query", "--task", "milk").err
    assert mc("audit", "query", "--task", "milk", "--json").json == []


def test_unknown_status_is_answered_with_the_nearest(stream: Path) -> None:
    assert stream.exists()
    answer = mc("audit", "query", "--status", "sucess")
    assert (answer.code, 'did you mean "success"?' in answer.err) == (2, True)
