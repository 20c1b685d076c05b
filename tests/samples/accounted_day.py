"""A day of some tasks as the audit streams have it, without Redis and without processes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mission_control.audit.record.difference import difference
from mission_control.audit.record.records import ChangeRecord, ExecutionRecord
from mission_control.audit.stream.log import AuditLog
from mission_control.model.definitions.task import parse_task
from mission_control.model.values.identifiers import occurrence_execution_id
from mission_control.operate.account.account import Account
from mission_control.operate.account.gathering import counted
from mission_control.registry.stored_task import stored_form

DAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
HANDLER = "handlers.hello.run"
HOURLY = {"type": "cron", "expression": "0 * * * *"}


class AccountedDay:
    """Writes the streams in a folder, as registry, beat and workers do."""

    def __init__(self, folder: Path) -> None:
        self.runs, self.changes = folder / "logs/task_execution.jsonl", folder / "logs/task_changes.jsonl"
        self.run_log, self.change_log = AuditLog(self.runs), AuditLog(self.changes)
        self._forms: dict[str, dict[str, Any]] = {}

    def change(self, what: str, at: datetime, task_id: str = "tea", **fields: Any) -> None:
        """Write the record of a change; of a task that is removed, it has no fields."""
        before = self._forms.get(task_id, {})
        given = {"id": task_id, "handler": HANDLER, "schedule": HOURLY, **before, **fields}
        after = {} if what == "unregistered" else stored_form(parse_task(given))
        self._forms[task_id] = after
        self.change_record(what, at, task_id, difference(before, after))

    def change_record(self, what: str, at: datetime, task_id: str, diff: dict[str, Any], **more: Any) -> None:
        record = ChangeRecord(timestamp=at, task_id=task_id, change=what, actor="ada", revision=1, diff=diff)
        self.change_log.append({**record.to_dict(), **more})

    def end(
        self,
        at: datetime,
        status: Any = "success",
        task_id: str = "tea",
        *,
        late: bool = False,
        **fields: Any,
    ) -> None:
        """Write the final record of the occurrence at a time, or of the run with another id."""
        given = {"execution_id": occurrence_execution_id(task_id, at), "scheduled_time": at, "revision": 1}
        record = ExecutionRecord(
            timestamp=at + timedelta(seconds=2), task_id=task_id, status=status, **{**given, **fields}
        ).to_dict()
        self.run_log.append({**record, "repaired": True} if late else record)

    def account(
        self, since: datetime = DAY, until: datetime = DAY + 24 * HOUR, created: datetime | None = None
    ) -> Account:
        """Return the account of a span, made an hour after its end."""
        return counted(self.runs, self.changes, (since, until), until + HOUR if created is None else created)[
            0
        ]


def hours(first: int = 0, last: int = 24) -> list[datetime]:
    return [DAY + hour * HOUR for hour in range(first, last)]
