"""Which run of a task is active, which waits, and what the next occurrence meets, as the commands show it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.dispatch.enqueue import Dispatch
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from tests.stage.command_line import mc

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

HOURLY = {"type": "interval", "hours": 1}


def active_and_waiting(installation: Installation, policy: str) -> tuple[str, str]:
    """Register a task, begin one run of it, and let another wait for that; return their ids."""
    task = {"id": "tea", "handler": "handlers.hello.run", "schedule": HOURLY, "overlap": policy}
    assert installation.registry.register(task)
    dispatch = Dispatch.of(installation)
    active, waiting = (dispatch.enqueue("tea").execution_id for _ in range(2))
    assert installation.ledger.begin(active, 1, worker="w", at=installation.clock()).run
    return active, waiting


@pytest.mark.parametrize(
    ("policy", "then"),
    [("skip", "is skipped"), ("queue", "waits"), ("replace", "replaces it"), ("allow", "starts even")],
)
def test_active_and_waiting_run_and_what_the_next_meets_are_shown(
    installation: Installation, policy: str, then: str
) -> None:
    active, waiting = active_and_waiting(installation, policy)
    meets = f"{then} if {active} (running since "
    assert meets in mc("next", "tea").err
    shown = mc("task", "show", "tea").out
    assert meets in shown
    assert f"{active}: running since " in shown
    if policy == "allow":
        return
    waits = f"waits for {active} (running since "
    assert f"{waiting}: it {waits}" in shown
    assert f"{waiting}  it {waits}" in mc("status").out
    assert waits in mc("run", "show", waiting).err
    assert mc("run", "show", waiting, "--json").json["waits_for"] == active


def test_task_without_an_active_run_meets_nothing(installation: Installation) -> None:
    active_and_waiting(installation, "skip")
    for run in installation.ledger.active_of("tea")[::-1]:
        mc("run", "cancel", run.execution_id)
    later = installation.clock() + timedelta(hours=1)
    mc("enqueue", "tea", "--at", later.isoformat())  # it is in the way of no run before it is due
    for run in installation.ledger.active_of("tea"):
        if run.attempt == 1:
            installation.ledger.end(run, RunState.CANCELLED, at=installation.clock())
    assert "the next one" not in mc("next", "tea").err


def test_skips_in_a_row_are_shown(installation: Installation) -> None:
    active_and_waiting(installation, "skip")
    installation.client.hset(redis_keys.history("tea"), mapping={"skipped_count": 7, "consecutive_skips": 3})
    assert "7 skipped, 3 skipped in a row" in mc("task", "show", "tea").out
    assert "3 occurrences of tea skipped in a row" in mc("status").out
    assert mc("status", "--json").json["skipped_in_a_row"] == {"tea": 3}
    (listed,) = mc("task", "list", "--json").json
    assert listed["execution_history"]["consecutive_skips"] == 3
