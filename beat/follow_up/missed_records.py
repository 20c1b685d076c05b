"""Audit records of occurrences that beat did not fire: pending from the commit, written right after it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

from redis.exceptions import LockError, ResponseError

from mission_control.audit.endings import ending_record
from mission_control.audit.stream.log import AuditWriteError
from mission_control.events import events
from mission_control.store import redis_keys

if TYPE_CHECKING:
    from redis import Redis

    from mission_control.audit.stream.log import AuditLog
    from mission_control.ledger.ledger import Ledger

_AT_ONCE: Final = 500
_LONGEST_WRITING_SECONDS: Final = 10.0


def write_missed_records(client: Redis, ledger: Ledger, audit: AuditLog) -> int:
    """Write the pending records, oldest first, and return how many were written.

    A record stays pending until it is written: a crash in between writes it twice, never not at all. If
    the disk is full they stay pending. One process writes at a time; another, such as a program that fires
    tasks next to a beat, leaves it to the first.
    """
    if not client.exists(redis_keys.OWED_AUDIT):
        return 0
    lock = client.lock(redis_keys.AUDIT_PAYER, timeout=_LONGEST_WRITING_SECONDS, blocking=False)
    if not lock.acquire():
        return 0
    try:
        return _write(client, ledger, audit)
    finally:
        with suppress(LockError):  # it took longer than it may: another process writes by now
            lock.release()


def _write(client: Redis, ledger: Ledger, audit: AuditLog) -> int:
    pending = cast("list[str]", client.lrange(redis_keys.OWED_AUDIT, 0, _AT_ONCE - 1))
    written: list[str] = []
    try:
        for execution_id in pending:
            _write_record(ledger, audit, execution_id)
            written.append(execution_id)
    except AuditWriteError as error:
        events.audit_write_failed(audit.path, error)
    # One by one, by name: another process may have pushed or removed some meanwhile.
    with client.pipeline(transaction=False) as pipe:
        for execution_id in written:
            pipe.lrem(redis_keys.OWED_AUDIT, 1, execution_id)
        pipe.execute()
    return len(written)


def _write_record(ledger: Ledger, audit: AuditLog, execution_id: str) -> None:
    try:
        run = ledger.get(execution_id)
        if run is None or run.finished_at is None:
            return
        record = ending_record(run, at=run.finished_at).to_dict()
    except (ResponseError, ValueError, LookupError, TypeError) as error:
        events.run_unreadable(execution_id, error)
        return
    audit.append(record)
    events.occurrence_missed(run)
