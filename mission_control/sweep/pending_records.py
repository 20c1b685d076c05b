"""Pending records, read back from Redis; a corrupt one is quarantined and delays no other."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from redis import Redis

from mission_control.audit.endings import ending_record
from mission_control.events import events
from mission_control.model.runs.record_identity import final_run
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.values.instants import parse_instant
from mission_control.store import redis_keys

MOST_QUARANTINED: Final = 1_000


@dataclass(frozen=True, slots=True)
class PendingRecord:
    """A record that is not written yet, marked as late; `stream` is a file's name, None for that of runs."""

    identity: str
    at: datetime
    record: dict[str, Any]
    stream: str | None = None


@dataclass(frozen=True, slots=True)
class CorruptEntry:
    """An entry among the pending records that cannot be read."""

    identity: str
    text: str
    problem: Exception


def read_pending(client: Redis, *, since: float) -> Iterator[PendingRecord | CorruptEntry]:
    """Yield what has been pending since `since` (Unix seconds), and corrupt entries; in no order."""
    found: Any = client.hscan_iter(redis_keys.PENDING_RECORDS, count=1_000)
    for identity, text in found:
        try:
            pending_since, at, *pairs = json.loads(text)
            if float(pending_since) <= since:
                yield _pending(identity, parse_instant(at), dict(zip(pairs[::2], pairs[1::2], strict=True)))
        except Exception as error:  # noqa: BLE001  # whatever it holds, it must not delay the others
            yield CorruptEntry(identity, text, error)


def pending_final_runs(client: Redis) -> set[str]:
    """Return the ids of the runs whose final record is pending."""
    identities = cast("list[str]", client.hkeys(redis_keys.PENDING_RECORDS))
    return {run for identity in identities if (run := final_run(identity)) is not None}


def late_record(run: RunRecord, *, at: datetime) -> dict[str, Any]:
    """Return the record of an ending, marked as written late."""
    return {**ending_record(run, at=at).to_dict(), "repaired": True}


def quarantine(client: Redis, entry: CorruptEntry, *, at: datetime) -> None:
    """Move an entry to `mc:audit:quarantine` in one step; beyond `MOST_QUARANTINED` the oldest are dropped.

    Raises:
        RedisError: nothing was done.
    """
    what = f"the pending record {entry.identity[:200]!r}"
    problem = f"{type(entry.problem).__name__}: {entry.problem}"
    kept = {"what": what, "text": entry.text, "problem": problem, "at": at.isoformat()}
    with client.pipeline() as pipe:
        pipe.hdel(redis_keys.PENDING_RECORDS, entry.identity)
        pipe.lpush(redis_keys.AUDIT_QUARANTINE, json.dumps(kept))
        pipe.ltrim(redis_keys.AUDIT_QUARANTINE, 0, MOST_QUARANTINED - 1)
        pipe.execute()
    events.pending_record_quarantined(what, problem)


def _pending(identity: str, at: datetime, stored: dict[str, str]) -> PendingRecord:
    if "record" in stored:
        record = json.loads(stored["record"])
        if not isinstance(record, dict):
            raise TypeError(f"the record is {type(record).__name__}, and must be an object")
        return PendingRecord(identity, at, {**record, "repaired": True}, stored["stream"])
    run = RunRecord.from_hash(stored)
    if identity.split(":", 2)[2:] != [run.execution_id]:
        raise ValueError(f"it is named {identity[:200]!r}, but holds run {run.execution_id[:200]!r}")
    return PendingRecord(identity, at, late_record(run, at=at))
