"""What is left in Redis by all the runs of this folder's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mission_control.model.runs.run_state import RunState
from tests.stage.redis_key_life import faults_in_keys

if TYPE_CHECKING:
    from tests.stage.live_installation import LiveInstallation


def test_no_key_is_left_for_ever_that_the_table_does_not_let_last(live: LiveInstallation) -> None:
    for run in live.installation.ledger.active():
        live.installation.ledger.end(run, RunState.CANCELLED, at=live.installation.clock())
    with live.server.client() as client:
        assert faults_in_keys(client) == {}
