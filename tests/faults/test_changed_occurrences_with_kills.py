"""Occurrences of tasks that fire every second are skipped and moved while beat is killed and replaced."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mission_control.configuration.clock import utc_now
from mission_control.model.runs.run_state import RunState
from mission_control.operate.occurrences import Occurrences
from mission_control.store import redis_keys
from tests.processes.beats import leading_beat
from tests.processes.still_beats import HANDLER
from tests.stage.audit_stream import final_records_of
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.model.runs.changed_occurrence import ChangedOccurrence

NAMES = ("a", "b", "c")
SECOND = timedelta(seconds=1)


def changed(installation: Installation) -> list[ChangedOccurrence]:
    """Skip one occurrence of each task and move the next by eight and a half seconds, all of them soon."""
    parts = (installation.registry, installation.occurrences, installation.ledger, installation.clock)
    occurrences, start = Occurrences(*parts), utc_now().replace(microsecond=0) + 4 * SECOND
    skipped = [occurrences.skip(name, start, reason="by a test") for name in NAMES]
    return skipped + [occurrences.move(name, start + SECOND, start + 8.5 * SECOND) for name in NAMES]


def test_changed_occurrences_survive_a_killed_beat(installation: Installation) -> None:
    for name in NAMES:
        task = {"id": name, "handler": HANDLER, "schedule": {"type": "interval", "seconds": 1}}
        assert installation.registry.register({**task, "overlap": "allow", "misfire": {"policy": "all"}})
    with leading_beat(installation) as beat:
        changes = changed(installation)
        wait_until(lambda: utc_now() >= changes[-1].at, "the moved occurrences' own time has come")
        beat.kill()
    installation.client.delete(redis_keys.BEAT_LEADER)
    ids = [one.execution_id for one in changes]
    with leading_beat(installation):
        wait_until(lambda: len(installation.ledger.get_all(ids)) == len(ids), "all are decided", timeout=60)
        wait_until(lambda: not installation.pauses.read().changed, "and no change is left")
        wait_until(lambda: final_records_of(installation, "c"), "and on record")
    for change, run in zip(changes, installation.ledger.get_all(ids), strict=True):
        if change.is_skipped:
            assert (run.state, run.reason) == (RunState.SKIPPED, change.words())
        else:
            assert (run.state, run.moved_to) == (RunState.DISPATCHED, change.to)
            assert run.dispatched_at >= change.due
    for name in NAMES:
        times = sorted(run.scheduled_time for run in installation.ledger.runs_of(name, limit=1_000))
        assert times == [times[0] + at * SECOND for at in range(len(times))]
