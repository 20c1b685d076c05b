"""The states of a run, the transitions between them and the sets of states: the one table of all of them.

Scripts get states and sets of them as arguments. Enter a new state here; tests/house/test_run_states.py
then names every other place that must know it.
"""

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Final

HARD_LIMIT_GRACE: Final = timedelta(seconds=10)
"""The time that a handler has to clean up after its time limit, before it is killed."""


MOST_DELIVERIES: Final = 5
"""How often one attempt is begun before it counts as poison: its worker died each time."""


class RunState(StrEnum):
    """Where a run stands."""

    DISPATCHED = "dispatched"
    RUNNING = "running"
    RETRYING = "retrying"
    INTERRUPTED = "interrupted"
    SUCCESS = "success"
    FAILURE = "failure"
    TIMED_OUT = "timed_out"
    LOST = "lost"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SKIPPED = "skipped"
    MISSED = "missed"

    @property
    def is_final(self) -> bool:
        """Whether a run in this state is over for good."""
        return self in FINAL_STATES


_S = RunState

TRANSITIONS: Final[dict[RunState, frozenset[RunState]]] = {
    _S.DISPATCHED: frozenset({_S.RUNNING, _S.LOST, _S.EXPIRED, _S.CANCELLED, _S.SKIPPED}),
    _S.RUNNING: frozenset(
        {
            *(_S.RETRYING, _S.INTERRUPTED, _S.SUCCESS, _S.FAILURE, _S.TIMED_OUT, _S.LOST, _S.CANCELLED),
            _S.SKIPPED,  # by its condition
        }
    ),
    # What has started no longer expires; its budget may not allow another attempt.
    _S.RETRYING: frozenset({_S.RUNNING, _S.FAILURE, _S.LOST, _S.CANCELLED}),
    _S.INTERRUPTED: frozenset({_S.RUNNING, _S.LOST, _S.CANCELLED}),
    _S.SUCCESS: frozenset(),
    _S.FAILURE: frozenset(),
    _S.TIMED_OUT: frozenset(),
    _S.LOST: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.SKIPPED: frozenset(),
    _S.MISSED: frozenset(),
}

FINAL_STATES: Final = frozenset(state for state, following in TRANSITIONS.items() if not following)

WAITING_STATES: Final = frozenset({_S.DISPATCHED, _S.RETRYING, _S.INTERRUPTED})
"""States in which a run waits for a worker to begin its next attempt, or an interrupted one again."""


ACTIVE_STATES: Final = frozenset({_S.RUNNING, *WAITING_STATES})
"""States of a run that is not over, so that another run of its task may have to wait."""


KEEPS_ITS_KEY: Final = frozenset({*ACTIVE_STATES, _S.SUCCESS, _S.CANCELLED})
"""States in which a run answers for its idempotency key: its work is under way or done, or a person decided
against it. In any other its work was not done, and the key is free for another try.
"""


RAN_AND_FAILED: Final = frozenset({_S.FAILURE, _S.TIMED_OUT, _S.LOST})
"""Final states that count as a failed run in a task's history."""


def states_before(state: RunState) -> frozenset[RunState]:
    """Return the states from which a run may move to `state`.

    >>> sorted(states_before(RunState.RETRYING))
    [<RunState.RUNNING: 'running'>]
    """
    return frozenset(before for before, following in TRANSITIONS.items() if state in following)


def joined(states: Iterable[RunState]) -> str:
    """Return states as scripts get them: joined by commas, with one before and after.

    >>> joined(WAITING_STATES)
    ',dispatched,interrupted,retrying,'
    """
    return f",{','.join(sorted(states))},"
