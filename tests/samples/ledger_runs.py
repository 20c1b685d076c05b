"""Runs brought into each state of the ledger, for its tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mission_control.ledger.claims import BeginVerdict
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import TRANSITIONS, RunState
from mission_control.store import redis_keys

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.ledger.ledger import Ledger

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def a_run(execution_id: str = "a@1", **changes: object) -> RunRecord:
    run = RunRecord(
        execution_id=execution_id,
        task_id=execution_id.partition("@")[0],
        handler="handlers.hello.run",
        scheduled_time=NOW,
        dispatched_at=NOW,
    )
    return replace(run, **changes)  # type: ignore[arg-type]


def begun(ledger: Ledger, execution_id: str = "a@1", attempt: int = 1) -> RunRecord:
    reply = ledger.begin(execution_id, attempt, worker="w", at=NOW)
    assert reply.verdict is BeginVerdict.BEGUN
    assert reply.run is not None
    return reply.run


def in_state(ledger: Ledger, state: RunState) -> RunRecord:
    """Bring a new run into a state by the shortest legal way."""
    ledger.dispatch(a_run())
    if state is RunState.DISPATCHED:
        return a_run()
    if state in TRANSITIONS[RunState.DISPATCHED] - {RunState.RUNNING}:
        ended = ledger.end(a_run(), state, at=NOW)
    elif state is RunState.RUNNING:
        ended = begun(ledger)
    else:
        ended = ledger.end(begun(ledger), state, at=NOW)
    assert ended is not None
    return ended


def lapse(installation: Installation, execution_id: str = "a@1") -> None:
    """Let the lease of a running attempt run out."""
    installation.client.hset(redis_keys.run(execution_id), "lease_until", "1")
    installation.client.zadd(redis_keys.LEASES, {execution_id: 1}, xx=True)


class Later:
    """A clock that stands still, so that no test depends on how long it takes, and can be put forward."""

    def __init__(self, installation: Installation) -> None:
        self._begin = installation.clock()
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return self._begin + self.ahead
