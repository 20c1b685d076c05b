from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.dispatch.run_ending import RunEnding
from mission_control.model.runs.run_state import RunState
from tests.samples.ledger_runs import a_run
from tests.stage.audit_stream import records_of
from workers.attempt.endings import end_attempt, end_lost_attempt, ending_of
from workers.call.invocation import timed_out

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.model.runs.run_record import RunRecord

OUT_OF_TIME = timed_out("out of time")


def begun(installation: Installation, max_retries: int) -> RunRecord:
    policy = {"max_retries": max_retries, "retry_delay_seconds": 60}
    run = a_run("tea@1", retry_policy=policy)
    assert installation.ledger.dispatch(run)
    found = installation.ledger.begin(run.execution_id, 1, worker="w", at=installation.clock()).run
    assert found is not None
    return found


@pytest.mark.parametrize(("max_retries", "state"), [(0, RunState.TIMED_OUT), (3, RunState.RETRYING)])
def test_attempt_that_the_sweep_ends_in_the_same_moment_has_one_record(
    installation: Installation, max_retries: int, state: RunState
) -> None:
    run, ending = begun(installation, max_retries), RunEnding.of(installation)

    def is_meant(seen: RunRecord) -> bool:
        """Be the sweep, which comes to the same between the look at the run and the write."""
        at = installation.clock()
        decided = ending_of(OUT_OF_TIME, seen)
        ended = end_attempt(seen, OUT_OF_TIME, decided, at=at, run_ending=ending)
        assert ended is not None
        assert ended.state is state
        ending.record(ended, at=at)
        return True

    end_lost_attempt(installation.celery, ending, run.execution_id, OUT_OF_TIME, is_meant=is_meant)

    (record,) = records_of(installation, run.task_id)
    assert record["attempt"] == 1


@pytest.mark.parametrize("max_retries", [0, 3])
def test_ending_repeated_after_a_lost_answer_is_the_first_one(
    installation: Installation, max_retries: int
) -> None:
    run, ending = begun(installation, max_retries), RunEnding.of(installation)
    at = installation.clock()
    first, again, later = (
        end_attempt(run, OUT_OF_TIME, ending_of(OUT_OF_TIME, run), at=when, run_ending=ending)
        for when in (at, at, at + timedelta(microseconds=1))
    )
    assert first is not None
    assert again == first
    assert later is None
