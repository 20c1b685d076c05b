"""Records that are owed: their run has moved on in the ledger, and nobody has written them yet.

The process that was to write one found the disk full, or died. Whoever calls `pay_owed_records` writes it
instead, once the debt is older than any process takes that is merely about to write.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, cast

from redis.exceptions import LockError

from mission_control.audit.debts.anchors import forget_old_anchors
from mission_control.audit.debts.recorded import recorded_identities
from mission_control.audit.debts.settlement import settle
from mission_control.audit.stream.log import AuditWriteError
from mission_control.events import events
from mission_control.store import redis_keys
from mission_control.sweep.audit_debts import Debt, UnreadableDebt, read_debts
from mission_control.sweep.set_aside import moving_aside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mission_control.installation.installation import Installation

GRACE: Final = timedelta(seconds=10)
"""How old a debt has to be: well over the second after which whoever has written a record says so."""

_AT_ONCE: Final = 500
_SWEEP_SECONDS: Final = 30
_FINAL: Final = re.compile(r"[^:]*:1:(.*)", re.DOTALL)
"""The identity of a record that ends a run, and in it the run's id."""


def pay_owed_records(installation: Installation, *, grace: timedelta = GRACE) -> int:
    """Write the records that have been owed for longer than `grace`, and return how many were written.

    Guarantees: a debt is cleared only once its record is in the stream; one that is there already is not
    written again; of several that pay at one time only one writes. Late records are marked
    `"repaired": true`. If they cannot be written (the disk is still full) the debts stay, and this is
    logged. Records that could not be written and are owed by no run (`unwritten_records`) are written too.
    What cannot be read is set aside (`set_aside`), and holds nothing up. Costs one round trip if nothing is
    owed.

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
        owed, unreadable = _overdue(installation, grace, _AT_ONCE)
        _set_aside(installation, unreadable)
        paid = _pay(installation, owed) if owed else 0
        return paid + _write_kept(installation)
    finally:
        with suppress(LockError):  # it took longer than it may: somebody else pays by now
            sweeper.release()


def overdue_debts(
    installation: Installation, *, grace: timedelta = GRACE, limit: int | None = None
) -> list[Debt]:
    """Return debts older than `grace` by the Redis server's clock, oldest ending first; at most `limit`.

    What stands among the debts and cannot be read is passed over.
    """
    return _overdue(installation, grace, limit)[0]


def owed_runs(installation: Installation) -> set[str]:
    """Return the ids of the runs whose final record is known to be owed, by workers or by beat."""
    with installation.client.pipeline(transaction=False) as pipe:
        pipe.hkeys(redis_keys.AUDIT_DEBTS)
        pipe.lrange(redis_keys.OWED_AUDIT, 0, -1)
        identities, unfired = cast("list[list[str]]", pipe.execute())
    return {*unfired, *(found[1] for identity in identities if (found := _FINAL.fullmatch(identity)))}


def _overdue(
    installation: Installation, grace: timedelta, limit: int | None
) -> tuple[list[Debt], list[UnreadableDebt]]:
    since = installation.client.time()[0] - grace.total_seconds()
    found = list(islice(read_debts(installation.client, since=since), limit))
    debts = [debt for debt in found if isinstance(debt, Debt)]
    return sorted(debts, key=lambda debt: debt.at), [one for one in found if isinstance(one, UnreadableDebt)]


def _set_aside(installation: Installation, unreadable: Sequence[UnreadableDebt]) -> None:
    client = installation.client
    for debt in unreadable:
        what = f"the debt of record {debt.identity[:200]!r}"
        with moving_aside(client, what, debt.text, debt.problem, at=installation.clock()) as pipe:
            pipe.hdel(redis_keys.AUDIT_DEBTS, debt.identity)


def _pay(installation: Installation, owed: Sequence[Debt]) -> int:
    audit = installation.audit
    settled: list[tuple[str, str]] = []
    written = 0
    try:
        wanted = {debt.identity for debt in owed}
        recorded = recorded_identities(audit.path, wanted, since=min(debt.at for debt in owed))
        settled += recorded.items()
        for debt in owed:
            if debt.identity not in recorded:
                settled.append((debt.identity, audit.append(debt.record)["writer"]))
                written += 1
    except OSError as error:  # the stream can be neither read nor written, or only the one of the two
        events.audit_write_failed(audit.path, error)
    settle(installation.client, settled)
    return written


def _write_kept(installation: Installation) -> int:
    """Write records that were kept, the oldest first; one is forgotten after it was written."""
    client = installation.client
    written = 0
    try:
        for text in cast("list[str]", client.lrange(redis_keys.UNWRITTEN, 0, _AT_ONCE - 1)):
            try:
                name, record = _kept(text)
            except Exception as error:  # noqa: BLE001  # whatever it holds, the others must not wait for it
                with moving_aside(client, "a kept record", text, error, at=installation.clock()) as pipe:
                    pipe.lrem(redis_keys.UNWRITTEN, 1, text)
                continue
            is_change = name == installation.changes.path.name
            stream = installation.changes if is_change else installation.audit
            stream.append({**record, "repaired": True})
            client.lrem(redis_keys.UNWRITTEN, 1, text)
            written += 1
    except AuditWriteError as error:
        events.audit_write_failed(error.filename, error)
    return written


def _kept(text: str) -> tuple[str, dict[str, Any]]:
    name, record = json.loads(text)
    if not isinstance(record, dict):
        raise TypeError(f"the record is {type(record).__name__}, and is to be an object")
    return name, record
