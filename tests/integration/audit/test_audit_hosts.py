"""Hosts that have streams of their own: each run is recorded in one, and looked for there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from mission_control.audit.endings import audit_ending
from mission_control.installation.installation import Installation
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from mission_control.sweep.late_records import LateRecords
from tests.samples.ledger_runs import NOW, a_run, begun
from tests.stage.audit_stream import records_of, repaired, verified_runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def beats_host(installation: Installation, tmp_path: Path) -> Iterator[Installation]:
    """The same installation as another host has it, whose files are its own."""
    there = Installation(msgspec.structs.replace(installation.settings, data_dir=tmp_path / "there"))
    yield there
    there.client.close()


def enter(installation: Installation, number: int) -> str:
    installation.ledger.dispatch(a_run(f"a@{number}"))
    return f"a@{number}"


def test_runs_that_another_host_has_ended_are_neither_missed_here_nor_recorded_again(
    installation: Installation, beats_host: Installation
) -> None:
    here = installation.ledger.end(
        begun(installation.ledger, enter(installation, 1)), RunState.SUCCESS, at=NOW
    )
    lost = beats_host.ledger.end(begun(installation.ledger, enter(installation, 2)), RunState.LOST, at=NOW)
    enter(installation, 3)
    expired = beats_host.ledger.end(a_run("a@3"), RunState.EXPIRED, at=NOW)
    assert here is not None
    assert lost is not None
    assert expired is not None
    audit_ending(installation.audit, here, at=NOW)
    for run in (lost, expired):
        audit_ending(beats_host.audit, run, at=NOW)
    for one in (installation, beats_host):
        one.audit.flush()
    assert not installation.client.exists(redis_keys.PENDING_RECORDS)

    verification = verified_runs(installation)
    assert (verification.is_sound, verification.counts) == (True, {"elsewhere": 2})
    assert verified_runs(beats_host).counts == {"elsewhere": 1}
    assert repaired(installation).is_nothing
    assert [len(records_of(one, "a")) for one in (installation, beats_host)] == [1, 2]


def test_pending_records_written_by_another_host_are_found_there(
    installation: Installation, beats_host: Installation
) -> None:
    for number in (1, 2):
        ended = installation.ledger.end(
            begun(installation.ledger, enter(installation, number)), RunState.SUCCESS, at=NOW
        )
    assert ended is not None
    pending = installation.client.hgetall(redis_keys.PENDING_RECORDS)
    audit_ending(beats_host.audit, ended, at=NOW)
    beats_host.audit.flush()
    installation.client.hset(redis_keys.PENDING_RECORDS, mapping=pending)  # type: ignore[arg-type]  # redis-py's invariant dict
    assert LateRecords.of(beats_host).write(grace=NOW - NOW) == 1
    beats_host.audit.flush()
    assert verified_runs(installation).counts == {"elsewhere": 2}
    assert verified_runs(beats_host).counts == {}


def test_run_dropped_before_its_record_is_reported_does_not_return(installation: Installation) -> None:
    ended = installation.ledger.end(
        begun(installation.ledger, enter(installation, 1)), RunState.SUCCESS, at=NOW
    )
    assert ended is not None
    installation.client.delete(redis_keys.run("a@1"))
    audit_ending(installation.audit, ended, at=NOW)
    installation.audit.flush()
    assert not installation.client.exists(redis_keys.run("a@1"), redis_keys.PENDING_RECORDS)
