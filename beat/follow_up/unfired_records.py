"""Audit records of occurrences that were not fired: pending from the commit on, written right after it."""

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Final

from redis import Redis
from redis.exceptions import ResponseError

from mission_control.audit.endings import ending_record
from mission_control.audit.stream.log import AuditLog
from mission_control.errors import AuditWriteError
from mission_control.events import events
from mission_control.ledger.ledger import Ledger
from mission_control.model.runs.record_identity import record_identity
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys

_AT_ONCE: Final = 500


class UnfiredRecords:
    """Writes the records of the runs that this process has entered as missed or skipped.

    Those that it cannot write stay pending in Redis, and so do all of them if it dies: the sweep writes them.
    It may do so too while this process still has many to write; those are not written again.
    """

    def __init__(self, client: Redis, ledger: Ledger, audit: AuditLog) -> None:
        self._client = client
        self._ledger = ledger
        self._audit = audit
        self._ids: deque[str] = deque()

    def add(self, execution_ids: Iterable[str]) -> None:
        """Note runs whose records `write` will write."""
        self._ids.extend(execution_ids)

    def write(self, *, most: int | None = _AT_ONCE) -> int:
        """Write records, at most `most`, and return of how many runs.

        Raises:
            RedisError: the next call goes on.
        """
        ids = list(islice(self._ids, most))
        identities = [record_identity(one, 0, is_final=True) for one in ids]
        pending = self._client.hmget(redis_keys.PENDING_RECORDS, identities) if ids else []
        try:
            for execution_id, text in zip(ids, pending, strict=True):
                if text is not None:
                    self._write(execution_id)
                self._ids.popleft()
        except AuditWriteError as error:  # the rest would fail as well; the sweep writes them
            events.audit_write_failed(self._audit.path, error)
            self._ids.clear()
        return len(ids)

    def _write(self, execution_id: str) -> None:
        try:
            run = self._ledger.get(execution_id)
            if run is None or run.finished_at is None:
                return
            record = ending_record(run, at=run.finished_at).to_dict()
        except (ResponseError, ValueError, LookupError, TypeError) as error:
            events.run_unreadable(execution_id, error)
            return
        tell = events.occurrence_skipped if run.state is RunState.SKIPPED else events.occurrence_missed
        tell(run)
        self._audit.append(record)
