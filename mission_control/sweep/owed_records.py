"""Late records: those of runs that have moved on in the ledger, while their record is still not written.

The process that should have written it found the disk full, or died. `LateRecords.write` writes it instead,
when it has been pending for longer than a healthy process takes.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
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
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from redis import Redis

    from mission_control.audit.stream.log import AuditLog
    from mission_control.installation.installation import Installation

GRACE: Final = timedelta(seconds=10)
"""How long a record must be pending: well over the second in which a writer reports what it wrote."""

_AT_ONCE: Final = 500
_SWEEP_SECONDS: Final = 30
_FINAL: Final = re.compile(r"[^:]*:1:(.*)", re.DOTALL)
"""The identity of a record that ends a run, and in it the run's id."""


@dataclass(frozen=True)
class LateRecords:
    """Writes the records that their processes did not write: of runs to `audit`, of tasks to `changes`."""

    client: Redis
    audit: AuditLog
    changes: AuditLog
    clock: Callable[[], datetime]

    @classmethod
    def of(cls, installation: Installation) -> LateRecords:
        """Return the one of an installation."""
        return cls(installation.client, installation.audit, installation.changes, installation.clock)

    def write(self, *, grace: timedelta = GRACE) -> int:
        """Write the records that have been pending for longer than `grace`, and return how many were written.

        Guarantees: a record stays pending until it is in the stream; one that is there already is not
        written again; of several processes only one writes at a time. Late records are marked
        `"repaired": true`. If they cannot be written (the disk is still full) they stay pending, and this is
        logged. Corrupt ones are quarantined, and delay nothing else. Costs one round trip if nothing is
        pending.

        Does not guarantee that a record is written once where hosts have streams of their own and a process
        died between writing its record and reporting it: two hosts' streams then hold the same record.
        """
        if not self.client.exists(redis_keys.AUDIT_DEBTS, redis_keys.UNWRITTEN):
            return 0
        lock = self.client.lock(redis_keys.AUDIT_SWEEPER, timeout=_SWEEP_SECONDS, blocking=False)
        if not lock.acquire():
            return 0
        try:
            forget_old_anchors(self.client)
            pending, unreadable = self._overdue(grace, _AT_ONCE)
            self._quarantine(unreadable)
            written = self._write_pending(pending) if pending else 0
            return written + self._write_kept()
        finally:
            with suppress(LockError):  # it took longer than it may: another process writes by now
                lock.release()

    def overdue(self, *, grace: timedelta = GRACE, limit: int | None = None) -> list[Debt]:
        """Return records pending for longer than `grace` by the Redis server's clock; at most `limit`.

        The oldest ending comes first. Corrupt ones are left out.
        """
        return self._overdue(grace, limit)[0]

    def _overdue(self, grace: timedelta, limit: int | None) -> tuple[list[Debt], list[UnreadableDebt]]:
        since = self.client.time()[0] - grace.total_seconds()
        found = list(islice(read_debts(self.client, since=since), limit))
        debts = sorted((one for one in found if isinstance(one, Debt)), key=lambda debt: debt.at)
        return debts, [one for one in found if isinstance(one, UnreadableDebt)]

    def _quarantine(self, unreadable: Sequence[UnreadableDebt]) -> None:
        for debt in unreadable:
            what = f"the pending record {debt.identity[:200]!r}"
            with moving_aside(self.client, what, debt.text, debt.problem, at=self.clock()) as pipe:
                pipe.hdel(redis_keys.AUDIT_DEBTS, debt.identity)

    def _write_pending(self, pending: Sequence[Debt]) -> int:
        done: list[tuple[str, str]] = []
        written = 0
        try:
            wanted = {debt.identity for debt in pending}
            recorded = recorded_identities(self.audit.path, wanted, since=min(debt.at for debt in pending))
            done += recorded.items()
            for debt in pending:
                if debt.identity not in recorded:
                    done.append((debt.identity, self.audit.append(debt.record)["writer"]))
                    written += 1
        except OSError as error:  # the stream can be neither read nor written, or only one of the two
            events.audit_write_failed(self.audit.path, error)
        settle(self.client, done)
        return written

    def _write_kept(self) -> int:
        """Write records that were kept, the oldest first; each is forgotten after it was written."""
        written = 0
        try:
            for text in cast("list[str]", self.client.lrange(redis_keys.UNWRITTEN, 0, _AT_ONCE - 1)):
                try:
                    name, record = _kept(text)
                except Exception as error:  # noqa: BLE001  # whatever it holds, the others must not wait for it
                    with moving_aside(self.client, "a kept record", text, error, at=self.clock()) as pipe:
                        pipe.lrem(redis_keys.UNWRITTEN, 1, text)
                    continue
                stream = self.changes if name == self.changes.path.name else self.audit
                stream.append({**record, "repaired": True})
                self.client.lrem(redis_keys.UNWRITTEN, 1, text)
                written += 1
        except AuditWriteError as error:
            events.audit_write_failed(error.filename, error)
        return written


def pending_final_runs(client: Redis) -> set[str]:
    """Return the ids of the runs whose final record is known to be pending, with workers or with beat."""
    with client.pipeline(transaction=False) as pipe:
        pipe.hkeys(redis_keys.AUDIT_DEBTS)
        pipe.lrange(redis_keys.OWED_AUDIT, 0, -1)
        identities, unfired = cast("list[list[str]]", pipe.execute())
    return {*unfired, *(found[1] for identity in identities if (found := _FINAL.fullmatch(identity)))}


def _kept(text: str) -> tuple[str, dict[str, Any]]:
    name, record = json.loads(text)
    if not isinstance(record, dict):
        raise TypeError(f"the record is {type(record).__name__}, and must be an object")
    return name, record
