"""Tasks that share a queue: a backlog of one delays no other, and ends when the task is disabled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mission_control.model.runs.run_state import RunState
from tests.stage.audit_stream import final_records_of
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from mission_control.dispatch.run_handle import Run
    from tests.stage.live_installation import LiveInstallation


def started_before(runs: list[Run], other: Run) -> int:
    records = [one.record for one in (other, *runs)]
    first, *starts = [None if one is None else one.started_at for one in records]
    assert first is not None
    return sum(start is not None and start < first for start in starts)


def test_backlog_of_a_task_delays_no_neighbour_and_is_taken_back_when_it_is_disabled(
    live: LiveInstallation,
) -> None:
    """Neither a run behind the backlog, nor one that comes while the worker works at it."""
    live.task("flooding", params={"sleep_seconds": 0.5})
    live.task("tea")
    flood = [live.run("flooding") for _ in range(60)]
    for tea in (live.run("tea"), live.run("tea")):
        begun = sum(one.state is not RunState.DISPATCHED for one in flood)
        live.ended(tea)
        assert started_before(flood, tea) < begun + 10
    ledger, registry = live.installation.ledger, live.installation.registry
    assert len(ledger.active_of("flooding")) > 10
    registry.disable("flooding")
    assert [run for run in ledger.active_of("flooding") if run.state is not RunState.RUNNING] == []
    wait_until(
        lambda: len(final_records_of(live.installation, "flooding")) == len(flood),
        "every run of the flood is recorded",
    )
