"""Which past occurrences a backfill runs, how many at once, and how long that takes; all pure."""

from datetime import timedelta
from typing import Final

from mission_control.model.runs.backfill_plan import Rerun
from mission_control.model.runs.run_state import ACTIVE_STATES, RunState

MOST_OCCURRENCES: Final = 10_000
"""How many occurrences one backfill may have."""

LOWEST_PRIORITY: Final = 9
"""Runs of a backfill have the last priority: a worker takes one only if no other message waits."""

NEVER_RAN: Final = frozenset({RunState.MISSED, RunState.SKIPPED, RunState.EXPIRED})


def is_run(rerun: Rerun, state: str | None) -> bool:
    """Decide whether an occurrence is run whose last run is in `state`; None if it has no run.

    >>> is_run(Rerun.NONE, "missed"), is_run(Rerun.NONE, "failure"), is_run(Rerun.FAILED, "failure")
    (True, False, True)
    """
    if state is None or state in NEVER_RAN:
        return True
    if state in ACTIVE_STATES:
        return False
    return rerun is Rerun.ALL or (rerun is Rerun.FAILED and state != RunState.SUCCESS)


def slots_of(share: float, slots: int) -> int:
    """Return how many runs of backfills may be unfinished at once, given the slots of all workers.

    >>> slots_of(0.25, 8), slots_of(0.25, 2), slots_of(0.25, 0)
    (2, 1, 1)
    """
    return max(1, int(share * slots))


def forecast(
    count: int, mean: timedelta | None, slots_at_once: int, per_second: float | None
) -> timedelta | None:
    """Return about how long a backfill takes; None if the task has no run to judge by, and no rate is set.

    >>> forecast(100, timedelta(seconds=3), 2, None), forecast(100, timedelta(seconds=3), 2, 0.5)
    (datetime.timedelta(seconds=150), datetime.timedelta(seconds=200))
    """
    spans = [] if mean is None else [mean * count / slots_at_once]
    spans += [] if per_second is None else [timedelta(seconds=count / per_second)]
    return max(spans, default=None)
