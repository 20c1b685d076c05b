"""The decisions about orphaned runs: a table."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mission_control.model.policies.recovery import (
    LONGEST_WAIT,
    EndAttempt,
    LookForMessage,
    LookForTurn,
    SendAgain,
    grace_of,
    of_lapsed,
    of_waiting,
)
from mission_control.model.runs.run_state import MOST_DELIVERIES, RunState
from mission_control.sweep.whereabouts import QueueList
from tests.samples.ledger_runs import NOW, a_run

GRACE = timedelta(seconds=10)
LONG_AGO = NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    ("fields", "state", "reason"),
    [
        ({"cancel_requested": "never mind"}, RunState.CANCELLED, "never mind"),
        ({"cancel_requested": "never mind", "deliveries": 99}, RunState.CANCELLED, "never mind"),
        ({"deliveries": MOST_DELIVERIES}, RunState.LOST, "poisoned"),
        ({"timeout_seconds": 60.0}, RunState.RETRYING, "timed_out"),
        ({"timeout_seconds": 60.0, "attempt": 4}, RunState.TIMED_OUT, "timed_out"),
        (
            {"timeout_seconds": 60.0, "retry_policy": {"max_retries": 0}, "deliveries": 99},
            RunState.TIMED_OUT,
            "timed_out",
        ),
    ],
)
def test_lapsed_attempt_that_must_not_run_again_is_ended(
    fields: dict[str, Any], state: RunState, reason: str
) -> None:
    run = a_run(**{"state": RunState.RUNNING, "attempt": 1, "started_at": LONG_AGO, **fields})
    decided = of_lapsed(run, now=NOW)
    assert isinstance(decided, EndAttempt)
    assert (decided.state, decided.reason) == (state, reason)
    assert (decided.retry_in is not None) == (state is RunState.RETRYING)


@pytest.mark.parametrize(
    "fields", [{}, {"deliveries": MOST_DELIVERIES - 1}, {"timeout_seconds": 3_600.0}, {"resends": 1_000}]
)
def test_other_lapsed_attempt_is_sent_again(fields: dict[str, Any]) -> None:
    run = a_run(**{"state": RunState.RUNNING, "attempt": 1, "started_at": LONG_AGO, **fields})
    assert of_lapsed(run, now=NOW) == SendAgain()


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"dispatched_at": NOW - GRACE / 2}, None),
        ({"dispatched_at": NOW - GRACE}, LookForMessage()),
        ({"scheduled_time": NOW + GRACE}, None),
        ({"state": RunState.RETRYING, "attempt": 1, "retry_at": NOW - GRACE / 2}, None),
        ({"state": RunState.RETRYING, "attempt": 1, "retry_at": NOW - GRACE}, LookForMessage()),
        ({"state": RunState.INTERRUPTED, "attempt": 1, "resent_at": NOW - GRACE / 2}, None),
        ({"state": RunState.INTERRUPTED, "attempt": 1, "resent_at": NOW - GRACE}, LookForMessage()),
        ({"resent_at": NOW - GRACE, "resends": 1}, None),
        ({"resent_at": NOW - LONGEST_WAIT / 2, "resends": 1_000}, None),
        ({"resent_at": NOW - 2 * GRACE, "resends": 1}, LookForMessage()),
        ({"released_at": NOW - GRACE / 2}, None),
        ({"expires_at": NOW}, LookForMessage()),
        ({"expires_at": NOW - GRACE}, EndAttempt(RunState.EXPIRED, "not started within expires_seconds")),
        (
            {"state": RunState.RETRYING, "attempt": 1, "expires_at": LONG_AGO, "retry_at": NOW - GRACE},
            LookForMessage(),
        ),
    ],
)
def test_waiting_run_expires_before_its_start_or_is_looked_for_after_a_grace(
    fields: dict[str, Any], answer: object
) -> None:
    run = a_run(**{"dispatched_at": LONG_AGO, "scheduled_time": LONG_AGO, **fields})
    assert of_waiting(run, now=NOW, grace=GRACE) == answer


def test_grace_is_no_longer_than_a_lease() -> None:
    assert [grace_of(timedelta(seconds=one)).total_seconds() for one in (5, 60)] == [5, 15]


@pytest.mark.parametrize(
    ("queue", "may_hold"),
    [
        (QueueList(0, ()), False),
        (QueueList(1, ("other",), (None,)), False),
        (QueueList(1, ("a@1",), (None,)), True),
        (QueueList(900, ("a@1", "other"), (None, None)), True),
        (QueueList(900, ("other",), (None,)), True),
        (QueueList(900, ("other",), (NOW.timestamp(),)), True),
        (QueueList(900, ("other", "one more"), (None, NOW.timestamp() + 6)), False),
    ],
    ids=[
        "empty",
        "short, without it",
        "short, with it",
        "long, and it is next",
        "long, of unknown age",
        "long, of its age",
        "long, and younger ones are next",
    ],
)
def test_message_is_missing_only_where_its_queue_cannot_hold_it(queue: QueueList, may_hold: bool) -> None:
    assert queue.may_hold(a_run()) is may_hold


@pytest.mark.parametrize(("until", "is_over"), [(None, False), (NOW, False), (LONG_AGO, True)])
def test_run_that_waits_for_another_expires_at_its_time(until: Any, is_over: bool) -> None:
    decided = of_waiting(a_run(waits_for="a@0", waits_until=until), now=NOW, grace=GRACE)
    if not is_over:
        assert decided == LookForTurn()
        return
    assert isinstance(decided, EndAttempt)
    assert decided.state is RunState.EXPIRED
