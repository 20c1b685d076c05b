"""What a change of a task leaves behind: its record, and the mirror."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import orjson

from mission_control.audit.pending.pending_records import pending_form, write_or_pend
from mission_control.audit.record.difference import difference
from mission_control.audit.record.masking import clean_name
from mission_control.audit.record.records import ChangeRecord
from mission_control.audit.record.repetitions import identity_of
from mission_control.audit.stream.log import AuditLog


class ChangeLog:
    """Records the changes that `actor` makes to tasks, and keeps the mirror up to date.

    A change stands even if its record or the mirror cannot be written; such a record is written later.
    """

    def __init__(self, records: AuditLog, *, actor: str, mirror: Callable[[], None] | None = None) -> None:
        self.actor = actor
        self._records = records
        self._mirror = mirror
        self._is_batch = False

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Anchor the records of several changes, and write the mirror, once after them."""
        self._is_batch = True
        try:
            yield
        finally:
            self._is_batch = False
            self._records.flush()
            self._write_mirror()

    @contextmanager
    def by(self, actor: str) -> Iterator[None]:
        """Record changes that `actor` made, a program that left no records itself."""
        ours, self.actor = self.actor, actor
        try:
            yield
        finally:
            self.actor = ours

    def record(
        self,
        task_id: str,
        change: str,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        *,
        reason: str | None,
        at: datetime,
    ) -> None:
        """Record a change from one stored form to another; `{}` stands for no task."""
        self.write(self.prepared(task_id, change, before, after, reason=reason, at=at))

    def prepared(
        self,
        task_id: str,
        change: str,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        *,
        reason: str | None,
        at: datetime,
    ) -> dict[str, Any]:
        """Return the record of a change that is about to be made."""
        return ChangeRecord(
            timestamp=at,
            task_id=task_id,
            change=change,
            actor=self.actor,
            reason=reason,
            revision=(after or before).get("metadata", {}).get("revision"),
            diff=difference(before, after),
        ).to_dict()

    def pending(self, record: Mapping[str, Any]) -> tuple[str, str, str]:
        """Return what makes a record pending in the step that makes the change: its identity and JSON.

        The third is the edit of the task, for `redis_keys.EDITS`.
        """
        edit = {"kind": "task", "task_id": record["task_id"], "change": record["change"]}
        edit |= {"who": record["actor"], "revision": record["revision"]}
        pending = pending_form(self._records.path, record)
        return str(identity_of(record)), pending, orjson.dumps(edit).decode()

    def edit(self, kind: str, change: str, **names: str) -> dict[str, str]:
        """Return an edit that is about to be made, for `redis_keys.EDITS`; `kind` names its event."""
        clean = {name: clean_name(value) for name, value in names.items()}
        return {"kind": kind, **clean, "change": change, "who": clean_name(self.actor)}

    def write(self, record: Mapping[str, Any]) -> None:
        """Write the record of a change that was made."""
        write_or_pend(self._records, record, at_once=not self._is_batch)
        self._write_mirror()

    def _write_mirror(self) -> None:
        if self._mirror is not None and not self._is_batch:
            self._mirror()
