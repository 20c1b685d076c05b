"""What is left in Redis by all the runs of this folder's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mission_control.model.runs.run_state import RunState
from tests.stage.redis_key_life import faults_in_keys

if TYPE_CHECKING:
    from tests.stage.live_installation import LiveInstallation


def test_keys_after_many_runs_expire_unless_the_table_keeps_them(live: LiveInstallation) -> None:
    for run in live.installation.ledger.active():
        live.installation.ledger.end(run, RunState.CANCELLED, at=live.installation.clock())
    with live.server.client() as client:
        client.delete("unserved")  # the sweep sends again what a test took out of that queue
        assert faults_in_keys(client) == {}
