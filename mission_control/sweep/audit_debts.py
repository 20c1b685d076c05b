"""Debts: records that the ledger says are owed, read back from Redis, each on its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mission_control.audit.endings import ending_record
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.values.instants import parse_instant
from mission_control.store import redis_keys

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from redis import Redis


@dataclass(frozen=True, slots=True)
class Debt:
    """A record that is owed, its identity, and the run as it was when it left the attempt, at `at`."""

    identity: str
    run: RunRecord
    at: datetime
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class UnreadableDebt:
    """What stands among the debts and is none."""

    identity: str
    text: str
    problem: Exception


def read_debts(client: Redis, *, since: float) -> Iterator[Debt | UnreadableDebt]:
    """Yield what has been owed since `since` (Unix seconds) or earlier, and what is no debt; in no order."""
    found: Any = client.hscan_iter(redis_keys.AUDIT_DEBTS, count=1_000)
    for identity, text in found:
        try:
            owed_since, at, *pairs = json.loads(text)
            if float(owed_since) <= since:
                yield _debt(identity, at, dict(zip(pairs[::2], pairs[1::2], strict=True)))
        except Exception as error:  # noqa: BLE001  # whatever it holds, the others must not wait for it
            yield UnreadableDebt(identity, text, error)


def repaired_record(run: RunRecord, *, at: datetime) -> dict[str, Any]:
    """Return the record of an ending, marked as written late."""
    return {**ending_record(run, at=at).to_dict(), "repaired": True}


def _debt(identity: str, at: str, stored: dict[str, str]) -> Debt:
    run = RunRecord.from_hash(stored)
    if identity.split(":", 2)[2:] != [run.execution_id]:
        raise ValueError(f"it stands for {identity[:200]!r}, and is of run {run.execution_id[:200]!r}")
    moment = parse_instant(at)
    return Debt(identity, run, moment, repaired_record(run, at=moment))
