"""Records that no process of ours wrote are found, and can be acknowledged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from mission_control.audit.endings import audit_ending
from mission_control.audit.record.records import ChangeRecord, ExecutionRecord
from mission_control.audit.stream.chain import Anchor, forget_old_anchors
from mission_control.audit.stream.log import AuditLog
from mission_control.model.runs.run_state import RunState
from mission_control.operate import audit_verification
from mission_control.store import redis_keys
from mission_control.sweep.late_records import LateRecords
from tests.samples.ledger_runs import a_run, begun
from tests.stage.audit_stream import verified_changes, verified_runs
from tests.stage.command_line import mc

if TYPE_CHECKING:
    from mission_control.audit.verification.findings import Verification
    from mission_control.installation.installation import Installation
    from mission_control.model.runs.run_record import RunRecord

NOW = datetime.now(UTC) - timedelta(hours=1)
LONG_BEFORE = NOW - timedelta(days=20)


@pytest.fixture
def recorded(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation that has recorded a change and three runs, and remembers all since long before."""
    monkeypatch.setattr(audit_verification, "AFTER_SECONDS", 0)  # no writer here needs a second
    since = str(LONG_BEFORE.timestamp())
    installation.client.hset(redis_keys.KNOWN_SINCE, mapping={"writers": since, "runs": since})
    change = ChangeRecord(timestamp=NOW, task_id="tea", change="registered", actor="ada")
    installation.changes.append(change.to_dict())
    for number in range(3):
        audit_ending(installation.audit, ended(installation, f"tea@{number}"), at=NOW)
    installation.audit.flush()
    installation.changes.flush()
    return installation


def ended(installation: Installation, execution_id: str) -> RunRecord:
    installation.ledger.dispatch(a_run(execution_id))
    after = installation.ledger.end(begun(installation.ledger, execution_id), RunState.SUCCESS, at=NOW)
    assert after is not None
    return after


def made_up(execution_id: str = "tea@2", at: datetime = NOW) -> dict[str, Any]:
    return ExecutionRecord(
        timestamp=at, task_id="tea", status="success", execution_id=execution_id, attempt=1, final=False
    ).to_dict()


def kinds(verification: Verification) -> dict[str, int]:
    return {str(kind): count for kind, count in verification.counts.items()}


def test_streams_as_their_processes_wrote_them_are_sound(recorded: Installation) -> None:
    assert (kinds(verified_runs(recorded)), kinds(verified_changes(recorded))) == ({}, {})


@pytest.mark.parametrize("at", [NOW, LONG_BEFORE - timedelta(days=9), NOW + timedelta(days=99)])
def test_record_of_an_invented_writer_is_found_whenever_it_is_dated(
    recorded: Installation, at: datetime
) -> None:
    AuditLog(recorded.audit.path).append(made_up(at=at))
    assert kinds(verified_runs(recorded)) == {"unknown_writer": 1}


@pytest.mark.parametrize("at", [NOW, LONG_BEFORE - timedelta(days=9)])
def test_record_of_a_run_that_never_was_is_found(recorded: Installation, at: datetime) -> None:
    recorded.audit.append({**made_up("coffee@1", at), "final": True})
    recorded.audit.flush()
    verification = verified_runs(recorded)
    assert kinds(verification) == {"unknown_run": 1}
    assert verification.findings[0].execution_id == "coffee@1"


def test_change_of_an_invented_writer_is_found(recorded: Installation) -> None:
    change = ChangeRecord(timestamp=NOW, task_id="tea", change="unregistered", actor="mallory")
    AuditLog(recorded.changes.path).append(change.to_dict())
    assert kinds(verified_changes(recorded)) == {"unknown_writer": 1}


def test_line_appended_to_a_live_chain_is_found(recorded: Installation) -> None:
    append_to_the_chain(recorded.audit)
    assert kinds(verified_runs(recorded)) == {"unanchored": 1}


def append_to_the_chain(log: AuditLog) -> None:
    head = log.head
    line = {**made_up(), "writer": head.writer, "seq": head.seq + 1, "prev": head.digest}
    with log.path.open("ab") as file:
        file.write(orjson.dumps(line) + b"\n")


def test_line_of_a_killed_process_is_anchored_by_the_sweep(recorded: Installation) -> None:
    killed = AuditLog(recorded.audit.path)  # which reports nothing
    audit_ending(killed, ended(recorded, "tea@9"), at=NOW)
    assert kinds(verified_runs(recorded)) == {"unknown_writer": 1}
    LateRecords.of(recorded).write(grace=timedelta(0))
    assert kinds(verified_runs(recorded)) == {}


def test_records_of_runs_that_retention_has_dropped_are_no_fault(recorded: Installation) -> None:
    for execution_id in ("tea@0", "tea@1"):
        recorded.client.delete(redis_keys.run(execution_id))
        recorded.client.zrem(redis_keys.FINISHED_RUNS, execution_id)
    assert kinds(verified_runs(recorded)) == {"unknown_run": 2}
    later = NOW + recorded.settings.retention
    recorded.ledger.dispatch(a_run("tea@4"))
    assert recorded.ledger.end(a_run("tea@4"), RunState.EXPIRED, at=later + timedelta(days=1)) is not None
    assert "unknown_run" not in kinds(verified_runs(recorded))


def test_writers_whose_anchors_were_dropped_are_no_fault(recorded: Installation) -> None:
    for number in range(10):
        text = Anchor(1, "d", 0, 2_000_000_000 + number, "/x").to_text()
        recorded.client.hset(redis_keys.AUDIT_ANCHORS, f"w{number}", text)
    assert forget_old_anchors(recorded.client, most=9) > 0
    assert "unknown_writer" not in kinds(verified_runs(recorded))


def test_acknowledged_break_stays_visible_and_a_later_one_is_a_fault(recorded: Installation) -> None:
    append_to_the_chain(recorded.audit)
    assert mc("audit", "verify").code == 1
    assert mc("audit", "acknowledge", "--reason", "a test", "--dry-run").code == 0
    assert mc("audit", "verify").code == 1
    assert "1 fault acknowledged" in mc("audit", "acknowledge", "--reason", "a disk test by ada").err
    after = mc("audit", "verify")
    assert after.code == 0
    assert "unanchored" in after.out
    assert "a disk test by ada" in after.out
    assert "0 faults" in mc("audit", "acknowledge", "--reason", "again").err
    AuditLog(recorded.audit.path).append(made_up())
    assert mc("audit", "verify").code == 1


def test_made_up_acknowledgement_hides_nothing(recorded: Installation) -> None:
    append_to_the_chain(recorded.audit)
    (fault,) = verified_runs(recorded).faults
    forged = {"timestamp": NOW.isoformat(), "change": "acknowledged", "actor": "m", "faults": [fault]}
    AuditLog(recorded.changes.path).append(forged)
    found = mc("audit", "verify", "--json").json["streams"]
    assert [found[name]["sound"] for name in ("runs", "changes")] == [False, False]
