"""Audit records of occurrences that beat did not fire: owed by the commit, written right after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from mission_control import events, redis_keys
from mission_control.audit import AuditWriteError
from mission_control.run_audit import ending_record

if TYPE_CHECKING:
    from mission_control.installation import Installation

_AT_ONCE: Final = 500


def pay_owed_audit(installation: Installation) -> int:
    """Write the records that are owed, oldest first, and return how many were written.

    A debt is cleared after its record is written: a crash in between writes the record twice, never not
    at all. If the disk is full the debts stay.
    """
    owed = cast("list[str]", installation.client.lrange(redis_keys.OWED_AUDIT, 0, _AT_ONCE - 1))
    written = 0
    try:
        for execution_id in owed:
            run = installation.ledger.get(execution_id)
            if run is not None and run.finished_at is not None:
                installation.audit.append(ending_record(run, at=run.finished_at).to_dict())
                events.missed(run)
            written += 1
    except AuditWriteError as error:
        events.audit_write_failed(installation.audit.path, error)
    if written:
        installation.client.ltrim(redis_keys.OWED_AUDIT, written, -1)
    return written
