"""Pending records and anchors in Redis: an attempt's end adds one, and its written record removes it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mission_control.audit.endings import audit_ending
from mission_control.audit.pending.pending_records import WrittenRecords
from mission_control.audit.stream.chain import Anchor, forget_old_anchors, read_anchors
from mission_control.audit.stream.log import AuditLog
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from tests.samples.ledger_runs import a_run
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from redis import Redis

    from mission_control.installation.installation import Installation

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def ended(installation: Installation, execution_id: str = "tea@1") -> RunRecord:
    installation.ledger.dispatch(a_run(execution_id))
    begun = installation.ledger.begin(execution_id, 1, worker="celery@here", at=NOW).run
    assert begun is not None
    after = installation.ledger.end(begun, RunState.SUCCESS, at=NOW, output="tea is ready")
    assert after is not None
    return after


def pending(installation: Installation) -> set[str]:
    return {str(identity) for identity in installation.client.hkeys(redis_keys.PENDING_RECORDS)}


def test_record_of_an_ended_attempt_is_pending_in_the_same_step(installation: Installation) -> None:
    ended(installation)
    assert pending(installation) == {"1:1:tea@1"}


def test_written_record_is_no_longer_pending_and_anchors_the_chain(installation: Installation) -> None:
    audit_ending(installation.audit, ended(installation), at=NOW)

    head = installation.audit.head
    wait_until(lambda: head.writer in read_anchors(installation.client), "the chain is anchored")
    wait_until(lambda: not pending(installation), "it is reported")
    anchor = read_anchors(installation.client)[head.writer]
    assert (anchor.seq, anchor.digest) == (1, head.digest)
    assert anchor.path == str(installation.settings.task_execution_log.resolve())


def test_many_records_are_reported_in_one_round_trip(installation: Installation, tmp_path: Path) -> None:
    written = WrittenRecords(tmp_path / "a.jsonl", lambda: installation.client, after_seconds=3_600)
    log = AuditLog(tmp_path / "a.jsonl", appended=written.add)
    before = commands(installation.client)
    for number in range(100):
        log.append({"execution_id": str(number), "attempt": 1, "final": True})
    assert commands(installation.client) == before
    written.flush()
    assert commands(installation.client) == before + 2
    assert read_anchors(installation.client)[log.head.writer].seq == 100


def commands(client: Redis) -> int:
    stats = client.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("hset", "hdel"))


def test_record_unreported_while_redis_is_away_is_reported_later(
    installation: Installation, tmp_path: Path
) -> None:
    away = AuditLog(tmp_path / "a.jsonl")
    reachable: list[Redis] = []
    written = WrittenRecords(away.path, lambda: reachable[0] if reachable else None, after_seconds=3_600)
    log = AuditLog(away.path, appended=written.add)
    installation.client.hset(redis_keys.PENDING_RECORDS, "1:1:a", "[]")
    log.append({"execution_id": "a", "attempt": 1, "final": True})
    written.flush()
    assert pending(installation) == {"1:1:a"}
    reachable.append(installation.client)
    written.flush()
    assert pending(installation) == set()


def test_anchors_beyond_the_limit_are_forgotten_oldest_first(installation: Installation) -> None:
    for number in range(30):
        text = Anchor(1, "d", 0, number, "/x").to_text()
        installation.client.hset(redis_keys.AUDIT_ANCHORS, f"w{number}", text)
    assert forget_old_anchors(installation.client, most=20) == 12
    assert min(anchor.last for anchor in read_anchors(installation.client).values()) == 12
    assert forget_old_anchors(installation.client, most=20) == 0
