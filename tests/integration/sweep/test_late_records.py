"""Late records: pending ones that another process writes, once."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.audit.endings import audit_ending, ending_record
from mission_control.audit.pending.pending_records import add_pending
from mission_control.audit.stream.reader import read_all
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.operate.audit_verification import Repair
from mission_control.store import redis_keys
from mission_control.sweep.late_records import LateRecords
from mission_control.sweep.pending_records import pending_final_runs
from tests.samples.ledger_runs import a_run
from tests.stage.audit_stream import repaired, verified_runs
from tests.stage.command_line import mc
from tests.stage.redis_key_life import faults_in_keys
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis import Redis

    from mission_control.audit.verification.findings import Verification
    from mission_control.installation.installation import Installation

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
AT_ONCE = timedelta(0)
WORKER = f"celery@{socket.gethostname()}"


@pytest.fixture(autouse=True)
def reported(installation: Installation) -> Iterator[None]:
    yield
    installation.audit.flush()  # or the next test hears of it, a second later


def begun(installation: Installation, execution_id: str, attempt: int = 1) -> RunRecord:
    installation.ledger.dispatch(a_run(execution_id))
    started = installation.ledger.begin(execution_id, attempt, worker=WORKER, at=NOW).run
    assert started is not None
    return started


def ended(
    installation: Installation,
    execution_id: str = "tea@1",
    state: RunState = RunState.SUCCESS,
    *,
    attempt: int = 1,
    at: datetime = NOW,
    **changes: Any,
) -> RunRecord:
    run = begun(installation, execution_id, attempt)
    after = installation.ledger.end(run, state, at=at, **changes)
    assert after is not None
    return after


def endings(installation: Installation) -> list[tuple[str, str, int | None, bool]]:
    return [
        (one["execution_id"], one["status"], one["attempt"], one.get("repaired", False))
        for one in read_all(installation.settings.task_execution_log)
    ]


def quarantined(client: Redis) -> list[dict[str, str]]:
    found: Any = client.lrange(redis_keys.AUDIT_QUARANTINE, 0, -1)
    return [json.loads(one) for one in found]


def counts(verification: Verification) -> dict[str, int]:
    return {str(kind): count for kind, count in verification.counts.items()}


def test_record_of_dead_process_is_written_by_another(installation: Installation) -> None:
    ended(installation, output="it was ready")
    assert LateRecords.of(installation).write(grace=AT_ONCE) == 1
    (record,) = read_all(installation.settings.task_execution_log)
    assert endings(installation) == [("tea@1", "success", 1, True)]
    assert (record["timestamp"], record["output"]) == ("2026-03-02T09:00:00Z", "it was ready")
    assert LateRecords.of(installation).write(grace=AT_ONCE) == 0


def test_record_pending_for_seconds_is_left_to_its_process(installation: Installation) -> None:
    ended(installation)
    assert LateRecords.of(installation).write() == 0
    assert installation.client.hlen(redis_keys.PENDING_RECORDS) == 1


def test_attempt_stays_pending_after_the_next_has_begun(installation: Installation) -> None:
    ended(installation, state=RunState.RETRYING, error="the kettle was cold")
    ended(installation, attempt=2, at=NOW + timedelta(minutes=1))
    assert LateRecords.of(installation).write(grace=AT_ONCE) == 2
    assert endings(installation) == [("tea@1", "retry", 1, True), ("tea@1", "success", 2, True)]
    first = next(iter(read_all(installation.settings.task_execution_log)))
    assert (first["error"], first["timestamp"]) == ("the kettle was cold", "2026-03-02T09:00:00Z")


def test_written_but_unreported_record_is_not_written_again(installation: Installation) -> None:
    run = ended(installation)
    pending: Any = installation.client.hgetall(redis_keys.PENDING_RECORDS)
    installation.audit.append(ending_record(run, at=NOW).to_dict())
    installation.client.hset(redis_keys.PENDING_RECORDS, mapping=pending)
    assert LateRecords.of(installation).write(grace=AT_ONCE) == 0
    assert len(endings(installation)) == 1
    assert installation.client.hlen(redis_keys.PENDING_RECORDS) == 0


@pytest.mark.parametrize("execution_id", ['with "quotes" and spaces', "lo" + "n" * 600 + "g", "ünï\tcode"])
def test_ids_of_plain_clients_may_be_anything(installation: Installation, execution_id: str) -> None:
    run = ended(installation, execution_id)
    pending = installation.client.hgetall(redis_keys.PENDING_RECORDS)
    audit_ending(installation.audit, run, at=NOW)
    assert LateRecords.of(installation).write(grace=AT_ONCE) == 0
    installation.client.hset(redis_keys.PENDING_RECORDS, mapping=pending)  # type: ignore[arg-type]
    assert LateRecords.of(installation).write(grace=AT_ONCE) == 0
    assert len(endings(installation)) == 1


GOOD = '["1","2026-03-02T09:00:00Z","state","success"'
CORRUPT = ("not json", "[]", "[" * 5_000, '["soon","2026-03-02T09:00:00Z"]', '["1","2026-03-02T09:00:00Z"]')
CORRUPT_FIELDS = (f"{GOOD}]", f'{GOOD},"spec"]', f'{GOOD},"spec","[]"]')
NAMES = {"x": f"{GOOD}]", "1:1:another": None, "1:1:tea@0": None}


@pytest.mark.parametrize(
    ("identity", "text"), [*(("1:1:x", text) for text in CORRUPT + CORRUPT_FIELDS), *NAMES.items()]
)
def test_corrupt_pending_ending_is_quarantined_and_delays_no_other(
    installation: Installation, caplog: pytest.LogCaptureFixture, identity: str, text: str | None
) -> None:
    client = installation.client
    ended(installation, "tea@1")
    spoilt = text
    if spoilt is None:
        spoilt = str(client.hget(redis_keys.PENDING_RECORDS, "1:1:tea@1")).replace("success", "running")
    client.hset(redis_keys.PENDING_RECORDS, identity, spoilt)
    ended(installation, "tea@2")
    assert pending_final_runs(installation.client) >= {"tea@1", "tea@2"}
    assert len(LateRecords.of(installation).overdue(grace=AT_ONCE)) == 2
    assert LateRecords.of(installation).write(grace=AT_ONCE) == 2
    assert [ending[0] for ending in endings(installation)] == ["tea@1", "tea@2"]
    (aside,) = quarantined(client)
    assert (aside["what"], aside["text"]) == (f"the pending record {identity!r}", spoilt)
    assert f"what=the pending record {identity!r}" in caplog.text
    assert not client.exists(redis_keys.PENDING_RECORDS)
    assert faults_in_keys(client) == {}


OTHER = '[0,"2026-03-02T09:00:00Z","stream","a.jsonl"'
ENDS = ("]", ',"record"]', ',"record","3"]', ',"record","[]"]')


@pytest.mark.parametrize("text", ["", "{", "3", "[]", *(OTHER + end for end in ENDS)])
def test_corrupt_pending_record_is_quarantined_and_delays_no_other(
    installation: Installation, text: str
) -> None:
    runs, changes = installation.settings.task_execution_log, installation.settings.task_changes_log
    for one, name in {"tea": runs, "cake": runs, "beans": changes}.items():
        add_pending(installation.client, name, {"task_id": one})
    installation.client.hset(redis_keys.PENDING_RECORDS, "record-x", text)
    assert LateRecords.of(installation).write() == 3
    assert [one["task_id"] for one in read_all(runs)] == ["tea", "cake"]
    assert [one["task_id"] for one in read_all(changes)] == ["beans"]
    assert [one["text"] for one in quarantined(installation.client)] == [text]
    assert not installation.client.exists(redis_keys.PENDING_RECORDS)


def test_late_records_have_one_writer_at_a_time(installation: Installation) -> None:
    ended(installation)
    installation.client.set(redis_keys.RECORD_WRITER, "another", ex=30)
    assert LateRecords.of(installation).write(grace=AT_ONCE) == 0
    installation.client.delete(redis_keys.RECORD_WRITER)
    assert LateRecords.of(installation).write(grace=AT_ONCE) == 1


def test_run_without_record_is_reported_as_pending_or_missing(installation: Installation) -> None:
    ended(installation, "tea@1")
    ended(installation, "tea@2")
    installation.client.hdel(redis_keys.PENDING_RECORDS, "1:1:tea@2")
    verification = verified_runs(installation)
    assert counts(verification) == {"pending": 1, "unrecorded": 1}
    assert not verification.is_sound


def test_repair_adds_missing_records_once(installation: Installation) -> None:
    audit_ending(installation.audit, ended(installation, "tea@1"), at=NOW)
    ended(installation, "tea@2", RunState.FAILURE, error="no tea")
    installation.client.hdel(redis_keys.PENDING_RECORDS, "1:1:tea@2")
    path = installation.settings.task_execution_log
    with path.open("ab") as file:
        file.write(b'{"timestamp":"2026-03-02T09')
    before = path.read_bytes()

    tried = repaired(installation, is_dry_run=True)
    assert path.read_bytes() == before
    done = repaired(installation)
    assert tried == done == Repair(written=0, added=("tea@2",))
    assert path.read_bytes().startswith(before + b"\n")
    assert endings(installation)[-1] == ("tea@2", "failure", 1, True)
    assert repaired(installation).is_nothing
    assert counts(verified_runs(installation)) == {"unreadable": 1}


def test_repair_leaves_the_traces_of_tampering(installation: Installation) -> None:
    for number in range(4):
        audit_ending(installation.audit, ended(installation, f"tea@{number}"), at=NOW)
    wait_until(lambda: not installation.client.hlen(redis_keys.PENDING_RECORDS), "no record is pending")
    path = installation.settings.task_execution_log
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[2], lines[3]]))
    assert counts(verified_runs(installation)) == {"missing": 1, "unrecorded": 1}
    assert repaired(installation).added == ("tea@1",)
    wait_until(lambda: counts(verified_runs(installation)) == {"missing": 1}, "what was added is anchored")


def test_missing_record_is_verified_and_repaired_by_command_line(installation: Installation) -> None:
    audit_ending(installation.audit, ended(installation, "tea@1"), at=NOW)
    sound = mc("audit", "verify", "--json")
    ended(installation, "tea@2")
    installation.client.hdel(redis_keys.PENDING_RECORDS, "1:1:tea@2")
    unsound = mc("audit", "verify")

    assert (sound.code, sound.json["streams"]["runs"]["records"]) == (0, 1)
    assert unsound.code == 1
    assert "NOT SOUND" in unsound.out
    assert "✗ unrecorded: tea@2 ended success in the ledger" in unsound.out
    assert "1 missing record would be written" in mc("audit", "repair", "--dry-run").out
    assert mc("audit", "repair", "--json").json["added"] == ["tea@2"]
    assert "nothing to repair" in mc("audit", "repair").err
    assert mc("audit", "verify").code == 0
    assert mc("audit", "verify", "--files-only").code == 0
