"""Lapses: orphaned runs, found in one look and recovered once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mission_control.ledger.run_reader import RunReader
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import WAITING_STATES, RunState, joined
from mission_control.model.values.instants import format_instant
from mission_control.store import redis_keys

LOOKED_AT_ONCE: Final = 500


@dataclass(frozen=True)
class Lapses:
    """The result of one look.

    `lapsed` are running runs whose lease has run out; `waiting` are waiting runs that were entered before
    the given moment and whose message is neither parked nor in the outbox. `looked_at` is how many active
    runs the look went through: fewer than `LOOKED_AT_ONCE` when it reached the last. `unreadable` are runs
    that another program overwrote, with the problem.
    """

    lapsed: list[RunRecord]
    waiting: list[RunRecord]
    looked_at: int
    unreadable: dict[str, Exception]


class LapsedRuns(RunReader):
    """The ledger, for the sweeper."""

    def lapses(self, *, entered_before: datetime, pass_over: int = 0) -> Lapses:
        """Look for orphaned runs: one round trip, at most `LOOKED_AT_ONCE` of each kind.

        Leases are judged by the Redis server's clock. `pass_over` is how many of the active runs to skip,
        the earliest entered first, so that several looks go through all of them.
        """
        keys = [redis_keys.LEASES, redis_keys.ACTIVE_RUNS, redis_keys.PARKED, redis_keys.OUTBOX]
        args: list[str | float] = [
            redis_keys.run(""),
            LOOKED_AT_ONCE,
            entered_before.timestamp(),
            pass_over,
            RunState.RUNNING,
            joined(WAITING_STATES),
        ]
        lapsed, waiting, looked_at = self._script("find_lapsed")(keys=keys, args=args)
        unreadable: dict[str, Exception] = {}
        return Lapses(
            _readable(lapsed, unreadable), _readable(waiting, unreadable), int(looked_at), unreadable
        )

    def mark_resent(self, run: RunRecord, *, at: datetime) -> bool:
        """Note that a run's message is about to be sent again; False if the run has changed since."""
        args: list[str | int] = [run.state, run.attempt, str(run.resends), format_instant(at)]
        return bool(self._script("mark_resent")(keys=[redis_keys.run(run.execution_id)], args=args))

    def entered_at(self, execution_ids: Iterable[str]) -> list[float | None]:
        """Return when each of some runs was entered, in Unix seconds; None for one that is not active."""
        names = list(execution_ids)
        return self._client.zmscore(redis_keys.ACTIVE_RUNS, names) if names else []


def _readable(found: list[list[str]], unreadable: dict[str, Exception]) -> list[RunRecord]:
    runs = []
    for execution_id, *pairs in found:
        try:
            runs.append(RunRecord.from_pairs(pairs))
        except (ValueError, LookupError, TypeError) as error:
            unreadable[execution_id] = error
    return runs
