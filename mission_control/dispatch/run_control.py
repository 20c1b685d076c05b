"""What an operator can do with one run: cancel it, or have it run (again) now."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ulid import ULID

from mission_control.audit.endings import audit_ending
from mission_control.errors import UnknownRunError
from mission_control.messaging.message import send
from mission_control.messaging.transport.parking import unpark
from mission_control.model.runs.new_run import repeated_run
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.model.runs.run_record import RunRecord

_TRIES: Final = 10


class CancelReply(StrEnum):
    """What came of asking for a run to be cancelled."""

    CANCELLED = "cancelled"  # it waited; it is over
    ASKED = "asked"  # its handler runs; it is stopped, and the run ends cancelled
    FINISHED = "finished"  # it was over already


def cancel_run(installation: Installation, execution_id: str, *, reason: str) -> CancelReply:
    """Cancel a run.

    Guarantees: a run that waits is over at once, with its record, and its message leads to nothing,
    whatever is restarted meanwhile. A running handler is interrupted within seconds, killed if it goes on
    all the same (in a prefork pool), and no attempt follows. Does not guarantee that a running run ends
    `cancelled`: its handler may finish first, and then that is what is recorded.

    Raises:
        UnknownRunError: the ledger has no such run.
    """
    for _ in range(_TRIES):  # it may begin, or end, between the look and the move
        run = existing_run(installation, execution_id)
        if run.state.is_final:
            return CancelReply.FINISHED
        if run.state is RunState.RUNNING:
            if installation.ledger.ask_to_cancel(execution_id, reason):
                return CancelReply.ASKED
        elif _cancel_waiting(installation, run, reason):
            return CancelReply.CANCELLED
    return CancelReply.ASKED


def run_now(installation: Installation, execution_id: str) -> str:
    """Have a run run now, and return the id of the run that does.

    One that waits for its time or for its next attempt is sent at once. One that is over is run again as a
    new run with the same handler and params, outside any schedule; a running one is left alone. If it
    cannot be sent, it waits on as before.

    Raises:
        UnknownRunError: the ledger has no such run.
        OperationalError: the broker could not be reached.
    """
    run = existing_run(installation, execution_id)
    if run.state is RunState.RUNNING:
        return execution_id
    if run.state.is_final:
        run = repeated_run(run, ulid=str(ULID()), now=installation.clock())
        installation.ledger.dispatch(run)
    released_at = installation.client.zscore(redis_keys.PARKED, run.execution_id)
    started = {"expires": None} if run.attempt > 0 else {}  # what has started no longer expires
    send(installation.celery, run, retries=run.attempt, **started)
    if released_at is not None:  # only now: two messages are harmless, none would be missed until the sweep
        unpark(installation.client, run.execution_id, released_at=float(released_at))
    return run.execution_id


def existing_run(installation: Installation, execution_id: str) -> RunRecord:
    """Return a run.

    Raises:
        UnknownRunError: the ledger has none of that id (any more).
    """
    run = installation.ledger.get(execution_id)
    if run is None:
        raise UnknownRunError(
            f"the ledger has no run {execution_id[:200]!r} (any more); see `mission-control run list`, or the"
            " audit stream for older ones"
        )
    return run


def _cancel_waiting(installation: Installation, run: RunRecord, reason: str) -> bool:
    now = installation.clock()
    cancelled = installation.ledger.cancel_waiting(run, at=now, reason=reason)
    if cancelled is None:
        return False
    _take_off_the_park(installation, run.execution_id)
    audit_ending(installation.audit, cancelled, at=now)
    return True


def _take_off_the_park(installation: Installation, execution_id: str) -> None:
    with installation.client.pipeline() as pipe:
        pipe.zrem(redis_keys.PARKED, execution_id)
        pipe.hdel(redis_keys.PARKED_PAYLOADS, execution_id)
        pipe.execute()
