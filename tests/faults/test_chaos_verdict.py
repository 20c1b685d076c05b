"""What passes for an orderly run under chaos, and what does not: the verdict itself, on made-up evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from tests.chaos.chaos_kinds import CAP, HANDLER, Note, Work
from tests.chaos.chaos_verdict import Evidence, faults, most_at_a_time

if TYPE_CHECKING:
    from tests.chaos.chaos_kinds import What

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
RUN = RunRecord(
    execution_id="tea@1",
    task_id="tea",
    handler=HANDLER,
    scheduled_time=BEGIN,
    dispatched_at=BEGIN,
    state=RunState.SUCCESS,
    attempt=2,
    finished_at=BEGIN + timedelta(seconds=2),
)


def note(what: What, after_seconds: float, *, attempt: int, pid: int = 1) -> Note:
    return Note("tea@1", attempt, what, BEGIN.timestamp() + after_seconds, pid)


def record(status: str, attempt: int) -> dict[str, Any]:
    return {"execution_id": "tea@1", "status": status, "attempt": attempt, "final": status != "retry"}


def lost_worker(delivery: int) -> dict[str, Any]:
    return {**record("worker_lost", 2), "final": False, "delivery": delivery}


NOTES = (
    note("begin", 0.0, attempt=1),
    note("failure", 0.5, attempt=1),
    note("begin", 1.0, attempt=2),
    note("success", 1.5, attempt=2),
)
ORDERLY = Evidence(
    expected={"tea@1": Work(failures=1)},
    notes=NOTES,
    runs={"tea@1": RUN},
    records=(record("retry", 1), record("success", 2)),
)
SPENT = [note("spent", 0.2, attempt=1), note("spent", 1.2, attempt=2)]
BOUGHT = replace(
    ORDERLY,
    expected={"tea@1": Work(failures=1, spends=CAP, budget="purse")},
    notes=(*NOTES, *SPENT),
    runs={"tea@1": replace(RUN, spent_tokens=2 * CAP)},
)
OVER_BUDGET = replace(
    BOUGHT,
    notes=(),
    runs={
        "tea@1": replace(RUN, state=RunState.SKIPPED, attempt=0, cause={"class": "budget", "layer": "purse"})
    },
    records=({"execution_id": "tea@1", "status": "skipped", "attempt": None, "final": True},),
)
LAVISH = replace(SPENT[0], execution_id="milk@1")
AGAIN = (note("begin", 1.7, attempt=2, pid=2), note("success", 1.9, attempt=2, pid=2))
OUT_OF_ORDER: dict[str, Evidence] = {
    "it was never due": replace(ORDERLY, expected={}),
    "lost: the ledger does not know it": replace(ORDERLY, runs={}),
    "lost: it has not ended": replace(ORDERLY, runs={"tea@1": replace(RUN, state=RunState.RUNNING)}),
    "its final records are []": replace(ORDERLY, records=ORDERLY.records[:1]),
    "its final records are ['success', 'success']": replace(
        ORDERLY, records=(*ORDERLY.records, record("success", 2))
    ),
    "its final records are ['failure']": replace(ORDERLY, records=(ORDERLY.records[0], record("failure", 2))),
    "its records are of the attempts [2]": replace(ORDERLY, records=ORDERLY.records[1:]),
    "its records of lost workers are of the attempts and claims [(2, 1)]": replace(
        ORDERLY, records=(*ORDERLY.records, lost_worker(1))
    ),
    "its records of lost workers are of the attempts and claims [(2, 1), (2, 1)]": replace(
        ORDERLY,
        runs={"tea@1": replace(RUN, fence=2)},
        records=(*ORDERLY.records, lost_worker(1), lost_worker(1)),
    ),
    "it ran concurrently with itself": replace(ORDERLY, notes=(*NOTES, note("overlap", 1.2, attempt=2))),
    "it was begun after its end": replace(ORDERLY, notes=(*NOTES, note("begin", 2.1, attempt=2))),
    "it was run again after a success": replace(ORDERLY, notes=(*NOTES, *AGAIN)),
    "it had its effect twice": replace(
        ORDERLY, notes=(*NOTES, note("effect", 0.1, attempt=1), note("effect", 1.1, attempt=2))
    ),
    "it ended success (None: None)": replace(ORDERLY, expected={"tea@1": Work(failures=3, max_retries=2)}),
    "it ended success (None) and must be skipped because of a@1": replace(
        ORDERLY, expected={"tea@1": Work(skipped_for="a@1")}
    ),
    "which its handler knows nothing of": replace(ORDERLY, notes=NOTES[:3]),
    f"purse: {4 * CAP} of {CAP} tokens are spent": replace(
        BOUGHT,
        expected=dict.fromkeys(("tea@1", "milk@1"), Work(spends=CAP, budget="purse")),
        notes=(*BOUGHT.notes, LAVISH, LAVISH),
    ),
    "it has spent 120 tokens, and the ledger counts None": replace(BOUGHT, runs={"tea@1": RUN}),
    "it was begun although its budget stopped it": replace(OVER_BUDGET, notes=NOTES[:2]),
    "it ended skipped ({'class': 'budget', 'layer': 'bag'}), stopped by its budget purse": replace(
        OVER_BUDGET,
        runs={"tea@1": replace(OVER_BUDGET.runs["tea@1"], cause={"class": "budget", "layer": "bag"})},
    ),
    "its final records are ['skipped', 'skipped']": replace(
        OVER_BUDGET, records=(*OVER_BUDGET.records, *OVER_BUDGET.records)
    ),
    "it ended skipped (None: None)": replace(ORDERLY, runs=OVER_BUDGET.runs, records=OVER_BUDGET.records),
}


def test_run_that_failed_once_and_then_succeeded_is_in_order() -> None:
    assert faults(ORDERLY) == []


def test_run_may_pass_its_budget_by_what_it_spends_and_the_budget_may_stop_the_next() -> None:
    assert faults(BOUGHT) == []
    assert faults(OVER_BUDGET) == []
    lost = replace(
        RUN, state=RunState.LOST, fence=1, spent_tokens=CAP, cause={"class": "budget", "layer": "purse"}
    )
    records = (record("retry", 1), lost_worker(1), record("lost", 2))
    killed = replace(BOUGHT, notes=(*NOTES[:3], SPENT[0]), runs={"tea@1": lost}, records=records)
    assert faults(killed) == []
    assert faults(replace(killed, records=(*records, lost_worker(2)))) != []


def test_run_of_a_killed_process_may_run_again() -> None:
    assert faults(replace(ORDERLY, notes=(*NOTES, *AGAIN), killed=frozenset({1}))) == []


def test_abandoned_run_also_has_a_record_of_that() -> None:
    runs = {"tea@1": replace(RUN, fence=2)}
    assert faults(replace(ORDERLY, runs=runs, records=(*ORDERLY.records, lost_worker(1)))) == []


def test_attempts_that_need_a_slot_are_counted_while_they_go_on() -> None:
    others = [replace(one, execution_id="milk@1") for one in (NOTES[1], note("begin", 0.2, attempt=1))]
    found = replace(ORDERLY, expected=dict.fromkeys(("tea@1", "milk@1"), Work(is_limited=True)))
    assert most_at_a_time(found) == 1
    assert most_at_a_time(replace(found, notes=(*NOTES, *others))) == 2
    assert most_at_a_time(replace(found, expected=dict.fromkeys(("tea@1", "milk@1"), Work()))) == 0


@pytest.mark.parametrize("fault", OUT_OF_ORDER)
def test_runs_out_of_order_are_reported(fault: str) -> None:
    assert any(fault in one for one in faults(OUT_OF_ORDER[fault]))
