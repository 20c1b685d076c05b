"""What the ledger's scripts know of states and keys: the same for every run, so that no call carries it."""

from collections.abc import Callable
from typing import Final

from mission_control.model.runs.run_limits import MOST_DELIVERIES
from mission_control.model.runs.run_record import RECORDED
from mission_control.model.runs.run_state import ACTIVE_STATES, WAITING_STATES, RunState, joined
from mission_control.store import redis_keys


def _around(key: Callable[[str], str]) -> tuple[str, str]:
    """Return what keys begin and end with, before and after an id."""
    before, after = key("\0").split("\0")
    return before, after


CONSTANTS: Final[dict[str, str | int]] = {
    "MOST_DELIVERIES": MOST_DELIVERIES,
    "RECORDED": RECORDED,
    "RUNNING": RunState.RUNNING,
    "INTERRUPTED": RunState.INTERRUPTED,
    "CANCELLED": RunState.CANCELLED,
    "ACTIVE_STATES": joined(ACTIVE_STATES),
    "WAITING_STATES": joined(WAITING_STATES),
    "WAKE_CHANNEL": redis_keys.WAKE_CHANNEL,
    "ACTIVE_RUNS": redis_keys.ACTIVE_RUNS,
    "FINISHED_RUNS": redis_keys.FINISHED_RUNS,
    "FIRST_ACTIVE_RUNS": redis_keys.FIRST_ACTIVE_RUNS,
    "UPSTREAM_RUNS": redis_keys.UPSTREAM_RUNS,
    "LEASES": redis_keys.LEASES,
    "PENDING_RECORDS": redis_keys.PENDING_RECORDS,
    "KNOWN_SINCE": redis_keys.KNOWN_SINCE,
    "LIMITS": redis_keys.LIMITS,
    "BUDGETS": redis_keys.BUDGETS,
    "PARKED": redis_keys.PARKED,
    "PARKED_PAYLOADS": redis_keys.PARKED_PAYLOADS,
    "NOTICES": redis_keys.NOTICES,
    "INCIDENTS": redis_keys.INCIDENTS,
    "OF_RUN": redis_keys.run(""),
    "EFFECTS": redis_keys.effects(""),
    "OF_TASK": _around(redis_keys.history)[0],
    "HISTORY": _around(redis_keys.history)[1],
    "COST": _around(redis_keys.cost)[1],
    "RUNS": _around(redis_keys.task_runs)[1],
    "OTHER_ACTIVE": _around(redis_keys.other_active_of_task)[1],
    "WAITING": _around(redis_keys.waiting_of_task)[1],
    "REQUESTED": _around(redis_keys.requested_of_task)[1],
    "DOWNSTREAM": _around(redis_keys.downstream)[1],
}
