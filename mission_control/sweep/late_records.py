"""Late records: those of runs that have moved on in the ledger, while their record is still not written.

The process that should have written it found the disk full, or died. `LateRecords.write` writes it instead,
when it has been pending for longer than a healthy process takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from redis import Redis
from redis.exceptions import LockError

from mission_control.audit.pending.pending_records import mark_written
from mission_control.audit.record.repetitions import identity_of
from mission_control.audit.stream.chain import ChainHead, anchor_found, forget_old_anchors
from mission_control.audit.stream.log import AuditLog
from mission_control.dispatch.run_logs import RunLogs
from mission_control.events import events
from mission_control.installation.installation import Installation
from mission_control.model.runs.record_identity import final_run
from mission_control.store import redis_keys
from mission_control.sweep.pending_records import CorruptEntry, PendingRecord, quarantine, read_pending

GRACE: Final = timedelta(seconds=10)
"""How long a record must be pending: well over the second in which a writer reports what it wrote."""

_AT_ONCE: Final = 500
_LOCK_SECONDS: Final = 30


@dataclass(frozen=True)
class LateRecords:
    """Writes the records that their processes did not write: of runs to `audit`, of tasks to `changes`."""

    client: Redis
    audit: AuditLog
    changes: AuditLog
    logs: RunLogs
    clock: Callable[[], datetime]

    @classmethod
    def of(cls, installation: Installation) -> LateRecords:
        """Return the one of an installation."""
        logs = RunLogs(installation.client, installation.run_logs)
        return cls(installation.client, installation.audit, installation.changes, logs, installation.clock)

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
        if not self.client.exists(redis_keys.PENDING_RECORDS):
            return 0
        lock = self.client.lock(redis_keys.RECORD_WRITER, timeout=_LOCK_SECONDS, blocking=False)
        if not lock.acquire():
            return 0
        try:
            forget_old_anchors(self.client)
            pending, corrupt = self._overdue(grace, _AT_ONCE)
            for entry in corrupt:
                quarantine(self.client, entry, at=self.clock())
            of_changes = [one for one in pending if one.stream == self.changes.path.name]
            of_runs = [one for one in pending if one.stream != self.changes.path.name]
            return self._write(self.audit, of_runs) + self._write(self.changes, of_changes)
        finally:
            with suppress(LockError):  # it took longer than it may: another process writes by now
                lock.release()

    def overdue(self, *, grace: timedelta = GRACE) -> list[PendingRecord]:
        """Return records pending for longer than `grace` by the Redis server's clock, the oldest first.

        Corrupt ones are left out.
        """
        return self._overdue(grace, None)[0]

    def _overdue(self, grace: timedelta, limit: int | None) -> tuple[list[PendingRecord], list[CorruptEntry]]:
        since = self.client.time()[0] - grace.total_seconds()
        found = list(islice(read_pending(self.client, since=since), limit))
        pending = [one for one in found if isinstance(one, PendingRecord)]
        pending.sort(key=lambda one: (one.at, one.identity))
        return pending, [one for one in found if isinstance(one, CorruptEntry)]

    def _write(self, stream: AuditLog, pending: Sequence[PendingRecord]) -> int:
        done: list[tuple[str, str]] = []
        written = 0
        try:
            before = _written_before(stream.path, pending)
            at = int(self.clock().timestamp())
            anchor_found(self.client, before.values(), path=stream.path, at=at)
            for one in pending:
                head = before.get(one.identity)
                writer = head.writer if head is not None else stream.append(one.record)["writer"]
                written += head is None
                done.append((one.identity, writer))
                if one.stream is None and (execution_id := final_run(one.identity)) is not None:
                    self.logs.archive(one.record["task_id"], execution_id, at=one.at)
        except OSError as error:  # the stream can be neither read nor written, or only one of the two
            events.audit_write_failed(stream.path, error)
        stream.flush()
        mark_written(self.client, done)
        return written


def _written_before(path: Path, pending: Sequence[PendingRecord]) -> dict[str, ChainHead]:
    """Return the identities of the records that are in the stream already, each with its chain then."""
    known = {identity: one for one in pending if (identity := identity_of(one.record)) is not None}
    if not known:
        return {}
    since = min(one.at for one in known.values())
    from mission_control.audit.stream.written_identities import written_identities  # few records are late

    found = written_identities(path, set(known), since=since)
    return {known[identity].identity: head for identity, head in found.items()}
