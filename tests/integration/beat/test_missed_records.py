"""Records of missed occurrences, which beat and the writer of late records may both have at hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from beat.follow_up.missed_records import MissedRecords
from mission_control.audit.stream.reader import read_all
from mission_control.model.runs.run_state import RunState
from mission_control.sweep.late_records import LateRecords
from tests.samples.lived_runs import ran

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
    missed = MissedRecords(installation.client, installation.ledger, installation.audit)
    missed.add(ids)
    assert missed.write(most=1) == 1
    assert LateRecords.of(installation).write(grace=timedelta(0)) == 2
    assert missed.write(most=None) == 2
    written = [one["execution_id"] for one in read_all(installation.settings.task_execution_log)]
    assert written == ids
    installation.audit.flush()
