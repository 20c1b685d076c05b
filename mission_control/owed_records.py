"""Records that are owed: their run has moved on in the ledger, and nobody has written them yet.

The process that was to write one found the disk full, or died. Whoever calls `pay_owed_records` writes it
instead, once the debt is older than any process takes that is merely about to write.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, cast

from redis.exceptions import LockError

from mission_control import events, redis_keys
from mission_control.audit import AuditWriteError
from mission_control.audit.anchors import forget_old_anchors
from mission_control.audit.recorded import recorded_identities
from mission_control.definitions.instants import parse_instant
from mission_control.ledger import RunRecord
from mission_control.run_audit import ending_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from mission_control.installation import Installation

GRACE: Final = timedelta(seconds=10)
"""How old a debt has to be: well over the second after which whoever has written a record says so."""

_AT_ONCE: Final = 500
_SWEEP_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Debt:
    """A record that is owed: its identity, and the run as it was when it left the attempt, at `at`."""

    identity: str
    run: RunRecord
    at: datetime


def pay_owed_records(installation: Installation, *, grace: timedelta = GRACE) -> int:
    """Write the records that have been owed for longer than `grace`, and return how many were written.

    Guarantees: a debt is cleared only once its record is in the stream; one that is there already is not
    written again; of several that pay at one time only one writes. Late records are marked
    `"repaired": true`. If they cannot be written (the disk is still full) the debts stay, and this is
    logged. Records that could not be written and are owed by no run (`unwritten_records`) are written too.
    Costs one round trip if nothing is owed.

    Does not guarantee that a record is written once where hosts have streams of their own and the debtor
    died between writing and saying so: the same record is then in the streams of two hosts.
    """
    client = installation.client
    if not client.exists(redis_keys.AUDIT_DEBTS, redis_keys.UNWRITTEN):
        return 0
    sweeper = client.lock(redis_keys.AUDIT_SWEEPER, timeout=_SWEEP_SECONDS, blocking=False)
    if not sweeper.acquire():
        return 0
    try:
        forget_old_anchors(client)
        owed = overdue_debts(installation, grace=grace, limit=_AT_ONCE)
        paid = _pay(installation, owed) if owed else 0
        return paid + _write_kept(installation)
    finally:
        with suppress(LockError):  # it took longer than it may: somebody else pays by now
            sweeper.release()


def overdue_debts(
    installation: Installation, *, grace: timedelta = GRACE, limit: int | None = None
) -> list[Debt]:
    """Return debts older than `grace` by the Redis server's clock, oldest ending first; at most `limit`."""
    latest = installation.client.time()[0] - grace.total_seconds()
    return sorted(islice(_debts(installation, latest), limit), key=lambda debt: debt.at)


def owed_runs(installation: Installation) -> set[str]:
    """Return the ids of the runs whose final record is known to be owed, by workers or by beat."""
    with installation.client.pipeline(transaction=False) as pipe:
        pipe.hkeys(redis_keys.AUDIT_DEBTS)
        pipe.lrange(redis_keys.OWED_AUDIT, 0, -1)
        identities, unfired = cast("list[list[str]]", pipe.execute())
    final = (identity.split(":", 2) for identity in identities)
    return {*unfired, *(execution_id for _, is_final, execution_id in final if is_final == "1")}


def repaired_record(run: RunRecord, *, at: datetime) -> dict[str, Any]:
    """Return the record of an ending, marked as written late."""
    return {**ending_record(run, at=at).to_dict(), "repaired": True}


def _debts(installation: Installation, latest: float) -> Iterator[Debt]:
    found: Any = installation.client.hscan_iter(redis_keys.AUDIT_DEBTS, count=1_000)
    for identity, text in found:
        owed_since, at, *pairs = json.loads(text)
        if float(owed_since) <= latest and pairs:
            run = RunRecord.from_hash(dict(zip(pairs[::2], pairs[1::2], strict=True)))
            yield Debt(identity, run, parse_instant(at))


def _pay(installation: Installation, owed: Sequence[Debt]) -> int:
    audit = installation.audit
    settled: list[str] = []
    written = 0
    try:
        wanted = {debt.identity for debt in owed}
        recorded = recorded_identities(audit.path, wanted, since=min(debt.at for debt in owed))
        settled += recorded
        for debt in owed:
            if debt.identity not in recorded:
                audit.append(repaired_record(debt.run, at=debt.at))
                settled.append(debt.identity)
                written += 1
    except OSError as error:  # the stream can be neither read nor written, or only the one of the two
        events.audit_write_failed(audit.path, error)
    if settled:
        installation.client.hdel(redis_keys.AUDIT_DEBTS, *settled)
    return written


def _write_kept(installation: Installation) -> int:
    """Write records that were kept, the oldest first; one is forgotten after it was written."""
    client = installation.client
    written = 0
    try:
        for text in cast("list[str]", client.lrange(redis_keys.UNWRITTEN, 0, _AT_ONCE - 1)):
            name, record = json.loads(text)
            is_change = name == installation.changes.path.name
            stream = installation.changes if is_change else installation.audit
            stream.append({**record, "repaired": True})
            client.lrem(redis_keys.UNWRITTEN, 1, text)
            written += 1
    except AuditWriteError as error:
        events.audit_write_failed(error.filename, error)
    return written
