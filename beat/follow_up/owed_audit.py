"""Audit records of occurrences that beat did not fire: owed by the commit, written right after it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

from redis.exceptions import LockError, ResponseError

from mission_control.audit.endings import ending_record
from mission_control.audit.stream.log import AuditWriteError
from mission_control.events import events
from mission_control.store import redis_keys

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

_AT_ONCE: Final = 500
_LONGEST_PAYMENT_SECONDS: Final = 10.0


def pay_owed_audit(installation: Installation) -> int:
    """Write the records that are owed, oldest first, and return how many were written.

    A debt is cleared after its record is written: a crash in between writes the record twice, never not
    at all. If the disk is full the debts stay. One process at a time pays: a second one, as a program that
    fires by itself beside a beat, leaves it to the first.
    """
    client = installation.client
    if not client.exists(redis_keys.OWED_AUDIT):
        return 0
    payer = client.lock(redis_keys.AUDIT_PAYER, timeout=_LONGEST_PAYMENT_SECONDS, blocking=False)
    if not payer.acquire():
        return 0
    try:
        return _pay(installation)
    finally:
        with suppress(LockError):  # it took longer than it may: somebody else pays by now
            payer.release()


def _pay(installation: Installation) -> int:
    client = installation.client
    owed = cast("list[str]", client.lrange(redis_keys.OWED_AUDIT, 0, _AT_ONCE - 1))
    paid: list[str] = []
    try:
        for execution_id in owed:
            _write_record(installation, execution_id)
            paid.append(execution_id)
    except AuditWriteError as error:
        events.audit_write_failed(installation.audit.path, error)
    # One by one, by name: whoever cut off as many as it has paid could cut off somebody else's.
    with client.pipeline(transaction=False) as pipe:
        for execution_id in paid:
            pipe.lrem(redis_keys.OWED_AUDIT, 1, execution_id)
        pipe.execute()
    return len(paid)


def _write_record(installation: Installation, execution_id: str) -> None:
    try:
        run = installation.ledger.get(execution_id)
        if run is None or run.finished_at is None:
            return
        record = ending_record(run, at=run.finished_at).to_dict()
    except (ResponseError, ValueError, LookupError, TypeError) as error:
        events.run_unreadable(execution_id, error)
        return
    installation.audit.append(record)
    events.missed(run)
