"""A beat that is stopped for a few seconds: every misfire policy is obeyed to the letter."""

from __future__ import annotations

import signal
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.configuration.clock import utc_now
from mission_control.model.runs.run_state import RunState
from tests.processes.beats import leading_beat
from tests.processes.still_beats import HANDLER
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from datetime import datetime

    from mission_control.installation.installation import Installation
    from mission_control.model.runs.run_record import RunRecord

PERIOD = timedelta(seconds=0.5)
SOON = timedelta(seconds=0.2)
POLICIES: dict[str, dict[str, Any]] = {
    "skip": {"policy": "skip"},
    "latest": {"policy": "latest"},
    "few": {"policy": "all", "max_catch_up": 2},
    "spaced": {"policy": "all", "stagger_seconds": 0.3},
    "fresh": {"policy": "all", "grace_seconds": 1},
}


@pytest.fixture
def gap(installation: Installation) -> dict[str, list[RunRecord]]:
    """The runs of each task, oldest first, after a beat was stopped for four seconds and went on."""
    every = {"type": "interval", "seconds": PERIOD.total_seconds()}

    def runs_of(name: str) -> list[RunRecord]:
        return installation.ledger.runs_of(name, limit=100)[::-1]

    def has_fired(name: str, since: datetime) -> bool:
        return any(is_fired(run) and run.scheduled_time > since for run in runs_of(name))

    with leading_beat(installation) as beat:
        begin = utc_now()
        for name, misfire in POLICIES.items():
            task = {"id": name, "handler": HANDLER, "schedule": every, "misfire": misfire, "overlap": "allow"}
            assert installation.registry.register(task)
        wait_until(lambda: all(has_fired(name, begin) for name in POLICIES), "every task has fired")
        beat.signal(signal.SIGSTOP)
        Event().wait(4)
        beat.signal(signal.SIGCONT)
        back = utc_now()
        wait_until(lambda: all(has_fired(name, back) for name in POLICIES), "every task fires again")
        wait_until(lambda: sum(run.released_at is not None for run in runs_of("spaced")) >= 5, "released")
    return {name: runs_of(name) for name in POLICIES}


def is_fired(run: RunRecord) -> bool:
    return run.state is not RunState.MISSED


def is_late(run: RunRecord) -> bool:
    """Whether a run was fired when its successor was due as well."""
    return is_fired(run) and run.dispatched_at - run.scheduled_time > PERIOD + SOON


def test_gap_of_seconds_is_caught_up_as_each_policy_says(gap: dict[str, list[RunRecord]]) -> None:
    for name, runs in gap.items():
        times = [run.scheduled_time for run in runs]
        assert times == [times[0] + at * PERIOD for at in range(len(times))], name
    missed = {name: sum(not is_fired(run) for run in runs) for name, runs in gap.items()}
    late = {name: [run for run in runs if is_late(run)] for name, runs in gap.items()}
    assert late["skip"] == late["latest"] == []
    assert missed["skip"] == missed["latest"] == missed["few"] + 2 >= 6
    assert missed["spaced"] == 0
    assert 2 <= missed["fresh"] < missed["skip"]
    assert all(run.dispatched_at - run.scheduled_time <= timedelta(seconds=1) + SOON for run in late["fresh"])
    assert all("grace_seconds=1" in run.reason for run in gap["fresh"] if run.reason is not None)
    parked = [(run.dispatched_at, run.released_at) for run in gap["spaced"] if run.released_at is not None]
    for at, (decided, released) in enumerate(parked):
        assert released - decided >= at * timedelta(seconds=0.3)
