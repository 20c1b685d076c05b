"""The table of deadlines in the docs, made by the function that beat and the audit records decide with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from mission_control.model.policies.deadlines import late
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from tests.house.repository import ROOT

PAGE = ROOT / "docs" / "task-definition.md"
DEADLINE = {"start_within": 300, "finish_within": 1800, "finish_by": "10:00", "timezone": "UTC"}


class Row(NamedTuple):
    started: str
    ended: str
    state: RunState
    at: str


ROWS = [
    Row("", "", RunState.DISPATCHED, "09:05"),
    Row("", "", RunState.DISPATCHED, "09:06"),
    Row("09:05", "", RunState.RUNNING, "09:30"),
    Row("09:05", "", RunState.RETRYING, "09:31"),
    Row("09:05", "09:30", RunState.SUCCESS, "11:00"),
    Row("09:06", "09:30", RunState.SUCCESS, "11:00"),
    Row("09:05", "09:31", RunState.FAILURE, "11:00"),
    Row("09:06", "10:01", RunState.SUCCESS, "11:00"),
    Row("", "09:04", RunState.CANCELLED, "11:00"),
    Row("", "09:06", RunState.EXPIRED, "11:00"),
    Row("", "09:00", RunState.SKIPPED, "11:00"),
    Row("", "10:30", RunState.MISSED, "11:00"),
]


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-02T{text}").replace(tzinfo=UTC)


def run(row: Row) -> RunRecord:
    return RunRecord(
        execution_id="a@20260302T090000Z",
        task_id="a",
        handler="handlers.hello.run",
        scheduled_time=at("09:00"),
        dispatched_at=at("09:00"),
        deadline=DEADLINE,
        state=row.state,
        first_started_at=at(row.started) if row.started else None,
        finished_at=at(row.ended) if row.ended else None,
    )


def table() -> str:
    """Return the rows as they stand in the docs."""
    rows = ["| first attempt began | state | ended | at | late |", "|---|---|---|---|---|"]
    for row in ROWS:
        names = ", ".join(f"`{name}`" for name in late(run(row), at(row.at))) or "no"
        rows.append(f"| {row.started or '–'} | `{row.state}` | {row.ended or '–'} | {row.at} | {names} |")  # noqa: RUF001
    return "\n".join(rows)


def test_table_of_deadlines_in_the_docs_is_what_is_decided() -> None:
    assert table() in PAGE.read_text("utf-8"), f"the table in docs/task-definition.md should be:\n{table()}"
