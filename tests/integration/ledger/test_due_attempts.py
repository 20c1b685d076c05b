"""An attempt begins when it is due, by the clock of Redis."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.configuration.clock import utc_now
from mission_control.ledger.claims import EARLY_BY, BeginVerdict
from mission_control.model.runs.run_state import RunState
from tests.samples.ledger_runs import a_run, begun

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation


@pytest.mark.parametrize(
    ("seconds", "early_by", "verdict"),
    [
        (3_600, EARLY_BY, BeginVerdict.EARLY),
        (20, EARLY_BY, BeginVerdict.BEGUN),  # hosts' clocks differ
        (-3_600, EARLY_BY, BeginVerdict.BEGUN),
        (3_600, None, BeginVerdict.BEGUN),
    ],
)
@pytest.mark.parametrize("hours", [0, -2])
def test_attempt_begins_when_it_is_due(
    installation: Installation, seconds: int, early_by: timedelta | None, verdict: BeginVerdict, hours: int
) -> None:
    """One that waits for its time, and one for its retry; a host whose clock is behind delays neither."""
    ledger, now = installation.ledger, utc_now() + timedelta(hours=hours)
    due = now + timedelta(seconds=seconds)
    ledger.dispatch(a_run("a@1", dispatched_at=now, scheduled_time=due))
    ledger.dispatch(a_run("a@2", dispatched_at=now))
    ledger.end(begun(ledger, "a@2"), RunState.RETRYING, at=now, retry_at=due)
    replies = [
        ledger.begin(name, attempt, worker="v", at=now, early_by=early_by).verdict
        for name, attempt in (("a@1", 1), ("a@2", 2))
    ]
    expected = BeginVerdict.BEGUN if hours else verdict
    assert replies == [expected] * 2
