"""All tasks are paused while they fire every second, beat is killed, and they are resumed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mission_control.configuration.clock import utc_now
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from tests.processes.beats import leading_beat
from tests.processes.still_beats import HANDLER
from tests.stage.command_line import mc
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.model.runs.run_record import RunRecord

NAMES = ("a", "b", "c")


def test_nothing_that_falls_due_in_a_pause_runs_even_if_beat_is_killed_in_it(
    installation: Installation,
) -> None:
    def runs(state: RunState, name: str = "a") -> list[RunRecord]:
        return [run for run in installation.ledger.runs_of(name, limit=1_000) if run.state is state]

    def wait_for_more(state: RunState) -> None:
        most = len(runs(state)) + 2
        wait_until(lambda: len(runs(state)) >= most, f"more runs are {state}", timeout=20)

    for name in NAMES:
        task = {"id": name, "handler": HANDLER, "schedule": {"type": "interval", "seconds": 1}}
        assert installation.registry.register({**task, "overlap": "allow"})  # no worker ends a run
    with leading_beat(installation) as beat:
        wait_for_more(RunState.DISPATCHED)
        assert mc("pause", "--all", "--reason", "the building is on fire").code == 0
        (layer,) = installation.pauses.read().layers
        wait_for_more(RunState.SKIPPED)
        beat.kill()
    installation.client.delete(redis_keys.BEAT_LEADER)
    with leading_beat(installation):
        wait_for_more(RunState.SKIPPED)
        assert mc("resume", "--all").code == 0
        resumed = utc_now()
        wait_for_more(RunState.DISPATCHED)
    for name in NAMES:
        fired = [run.scheduled_time for run in runs(RunState.DISPATCHED, name)]
        assert not [moment for moment in fired if layer.since <= moment < resumed]
        assert len(set(fired)) == len(fired)
        skipped = [run for run in runs(RunState.SKIPPED, name) if run.scheduled_time >= layer.since]
        # One that beat comes to after the end says when that was.
        assert {re.sub(r" until [^ ]+Z", "", str(run.reason)) for run in skipped} == {layer.words()}
        assert all(run.scheduled_time < resumed for run in skipped)
