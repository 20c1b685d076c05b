"""Records of occurrences that were not fired: once, with their cause by beat or the sweep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

from beat.follow_up.unfired_records import UnfiredRecords
from beat.scheduler import MissionControlScheduler
from mission_control.audit.stream.reader import read_all
from mission_control.installation.installation import create_app
from mission_control.model.policies.misfire import Decision, Skip
from mission_control.model.runs.cause import Cause
from mission_control.model.runs.run_state import RunState
from mission_control.sweep.late_records import LateRecords
from tests.samples.lived_runs import ran, register
from tests.stage.audit_stream import final_records_of

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_missed_record_written_late_is_not_written_again_by_beat(installation: Installation) -> None:
    for minute in range(3):
        ran(
            installation,
            "tea",
            NOW + timedelta(minutes=minute),
            RunState.MISSED,
            reason="no beat was running",
        )
    ids = [f"tea@20260302T090{minute}00Z" for minute in range(3)]
    missed = UnfiredRecords(installation.client, installation.ledger, installation.audit)
    missed.add(ids)
    assert missed.write(most=1) == 1
    assert LateRecords.of(installation).write(grace=timedelta(0)) == 2
    assert missed.write(most=None) == 2
    written = [one["execution_id"] for one in read_all(installation.settings.task_execution_log)]
    assert written == ids
    installation.audit.flush()


def test_skipped_occurrence_has_one_record_with_its_root_cause_and_is_counted_apart(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(installation, "tea", {"type": "daily", "time": "09:00"})
    cause = Cause("paused", layer="owner: ops")
    skip = Decision((Skip(NOW, "owner: ops is paused", cause),), None)
    monkeypatch.setattr("beat.firing.firing.decide", lambda *_, **__: skip)
    app = create_app("beat", lambda: installation)
    beat = MissionControlScheduler(app, installation=installation, lazy=True)
    with time_machine.travel(NOW, tick=False):
        installation.client.zadd("redbeat::schedule", {"redbeat:tea": NOW.timestamp()})
        installation.client.hset("redbeat:tea", "due", repr(NOW.timestamp()))
        beat._lead.take()
        assert not beat.fire_due(NOW)
        beat._unfired_records.write()
        beat.close()

    expected = {"class": "paused", "layer": "owner: ops"}
    run = installation.ledger.get("tea@20260302T090000Z")
    assert run is not None
    assert (run.state, run.reason, run.cause) == (RunState.SKIPPED, "owner: ops is paused", expected)
    (record,) = final_records_of(installation, "tea")
    assert (record["status"], record["reason"], record["cause"]) == ("skipped", run.reason, expected)
    shown = installation.registry.get("tea")
    assert shown is not None
    history = shown["execution_history"]
    assert (history["skipped_count"], history["missed_count"], history["total_runs"]) == (1, 0, 0)
    assert installation.ledger.history("tea").consecutive_skips == 1
