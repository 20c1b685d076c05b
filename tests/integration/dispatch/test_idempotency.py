"""Which ends of a run free its idempotency key, and which keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mission_control import enqueue
from mission_control.errors import InvalidTaskError
from mission_control.model.runs.run_state import KEEPS_ITS_KEY, TRANSITIONS, RunState
from tests.samples.ledger_runs import begun

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

HELLO = "handlers.hello.run"
# The table of docs/producers.md.
KEEP = {"dispatched", "running", "retrying", "interrupted", "success", "cancelled"}
FREE = {"failure", "timed_out", "lost", "expired", "skipped"}


def bring(installation: Installation, execution_id: str, state: RunState) -> None:
    ledger, now = installation.ledger, installation.clock()
    run = ledger.get(execution_id)
    assert run is not None
    if state is RunState.DISPATCHED:
        return
    if state not in TRANSITIONS[RunState.DISPATCHED] or state is RunState.RUNNING:
        run = begun(ledger, execution_id)
    if state is not RunState.RUNNING:
        assert ledger.end(run, state, at=now) is not None


def test_table_of_keys_has_every_state() -> None:
    assert KEEP == KEEPS_ITS_KEY
    assert set(RunState) - KEEPS_ITS_KEY - {RunState.MISSED} == FREE  # which only occurrences are


@pytest.mark.parametrize("state", sorted(KEEP | FREE))
def test_run_whose_work_was_not_done_frees_its_key(installation: Installation, state: str) -> None:
    first = enqueue(HELLO, {"n": 1}, idempotency_key="order")
    bring(installation, first.execution_id, RunState(state))
    again = enqueue(HELLO, {"n": 1}, idempotency_key="order")
    assert (again.execution_id == first.execution_id, again.created) == (state in KEEP, state in FREE)


def test_freed_key_may_be_used_for_other_params_and_is_kept_again(installation: Installation) -> None:
    first = enqueue(HELLO, {"n": 1}, idempotency_key="order")
    bring(installation, first.execution_id, RunState.FAILURE)
    second = enqueue(HELLO, {"n": 2}, idempotency_key="order")
    assert second.created
    with pytest.raises(InvalidTaskError, match=f"is that of run {second.execution_id} with others"):
        enqueue(HELLO, {"n": 1}, idempotency_key="order")


def test_key_of_a_forgotten_run_is_kept_while_it_is_remembered(installation: Installation) -> None:
    first = enqueue(HELLO, idempotency_key="order")
    installation.client.delete(f"mc:run:{first.execution_id}")
    assert enqueue(HELLO, idempotency_key="order").execution_id == first.execution_id
