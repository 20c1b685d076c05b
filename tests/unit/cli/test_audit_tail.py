from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from mission_control.audit.record.records import ExecutionRecord, Status
from mission_control.audit.stream.log import AuditLog
from tests.stage.command_line import mc

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENDINGS: tuple[tuple[str, Status, str | None], ...] = (
    ("a", "success", None),
    ("b", "failure", "it \x1b[31m broke"),
    ("a", "success", None),
)


@pytest.fixture
def stream(bare_environment: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    assert bare_environment is not None
    path = tmp_path / "data" / "logs" / "task_execution.jsonl"
    log = AuditLog(path)
    for task_id, status, error in ENDINGS:
        record = ExecutionRecord(
            timestamp=NOON,
            task_id=task_id,
            status=status,
            error=error,
            output=None if error else "fine",
            execution_id=f"{task_id}@20260301T120000Z",
            scheduled_time=NOON,
            started_at=NOON,
            attempt=1,
            duration_ms=12,
        )
        log.append(record.to_dict())
    return path


def test_audit_tail_as_json_prints_records_unchanged(stream: Path) -> None:
    assert stream.exists()
    assert [one["task_id"] for one in mc("audit", "tail", "--json", "-n", "2").json] == ["b", "a"]


@pytest.mark.parametrize(
    ("option", "value", "count"),
    [("--task", "a", 2), ("--status", "failure", 1), ("--run", "b@20260301T120000Z", 1), ("--task", "c", 0)],
)
def test_audit_tail_with_a_filter_prints_matching_records(
    stream: Path, option: str, value: str, count: int
) -> None:
    assert stream.exists()
    assert len(mc("audit", "tail", "--json", option, value).json) == count


def test_text_output_has_a_line_for_each_record(stream: Path) -> None:
    assert stream.exists()
    lines = mc("audit", "tail").out.splitlines()
    assert len(lines) == 4
    assert lines[1].split() == ["2026-03-01", "12:00:00", "a", "success", "1", "0", "ms", "12", "ms", "fine"]


def test_torn_audit_line_is_reported_and_skipped(stream: Path) -> None:
    with stream.open("ab") as file:
        file.write(b'{"task_id": "a", "stat')
    answer = mc("audit", "tail", "--json")
    assert (answer.code, len(answer.json)) == (0, 3)
    assert "torn" in answer.err


def test_audit_tail_without_a_stream_succeeds(bare_environment: pytest.MonkeyPatch) -> None:
    assert bare_environment is not None
    assert mc("audit", "tail", "--json").json == []
    assert "nothing has run yet" in mc("audit", "tail").err


def test_unknown_status_is_answered_with_the_nearest(stream: Path) -> None:
    assert stream.exists()
    answer = mc("audit", "tail", "--status", "sucess")
    assert answer.code == 2
    assert 'did you mean "success"?' in answer.err
