"""The ledger's transitions: each is one script that refuses what the state machine does not allow."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

from redis import Redis

from mission_control.ledger.claims import DEFAULT_LEASE, Claims
from mission_control.ledger.run_reader import RunReader
from mission_control.ledger.run_requests import RunRequests
from mission_control.model.policies.notices import EndNotice, script_args
from mission_control.model.runs.record_identity import record_identity
from mission_control.model.runs.run_record import RunRecord, encoded
from mission_control.model.runs.run_state import (
    ACTIVE_STATES,
    RAN_AND_FAILED,
    WAITING_STATES,
    RunState,
    joined,
    states_before,
)
from mission_control.model.values.instants import format_instant
from mission_control.signing.keyring import NO_KEYS, Keyring
from mission_control.store import redis_keys
from mission_control.store.redis_keys import RedBeatKeys

LOOKED_AT_ONCE: Final = 500
SKIPPED_COUNT: Final = "skipped_count"
_CANCEL: Final = "cancel"


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


class Ledger(Claims, LapsedRuns, RunRequests):
    """The record of runs in Redis.

    Guarantees: a run is entered once; a transition happens only along `run_state.TRANSITIONS` and moves
    run, counters and indexes together; only the holder of the latest claim ends an attempt; losing
    a race is an answer, never an exception.
    Does not guarantee that a run outlives `retention`: finished runs are dropped after that time, or
    when the task has more than `max_runs` of them. The audit stream is the permanent record.
    With a `keyring` a run is signed when it is entered.
    """

    def __init__(
        self,
        client: Redis,
        *,
        retention: timedelta,
        max_runs: int,
        lease: timedelta = DEFAULT_LEASE,
        redbeat_keys: RedBeatKeys = redis_keys.DEFAULT_REDBEAT_KEYS,
        keyring: Keyring = NO_KEYS,
    ) -> None:
        super().__init__(client, lease=lease, keyring=keyring)
        self._redbeat_keys = redbeat_keys
        self.retention_seconds = int(retention.total_seconds())
        self._max_runs = max_runs

    def release_waiting(self, task_id: str, *, at: datetime) -> str | None:
        """Let the run of a task that has waited longest for another to end count as active.

        Returns its id, for its message to be sent; None if none waits, or another is in the way.
        """
        moment: list[str | float] = [at.timestamp(), format_instant(at)]
        args = [task_id, *moment, redis_keys.run(""), joined(ACTIVE_STATES)]
        released = self._script("release_waiting")(keys=turn_keys(task_id), args=args)
        return None if released is None else str(released)

    def start_overlapping(self, run: RunRecord, *, at: datetime) -> None:
        """Let a run that waits for another to end count as active now."""
        self._script("start_overlapping")(
            keys=[*turn_keys(run.task_id), redis_keys.run(run.execution_id)],
            args=[run.task_id, run.execution_id, at.timestamp()],
        )

    def make_due(self, execution_id: str) -> None:
        """Let a message begin the next attempt of a run now, before it is due."""
        self._client.hdel(redis_keys.run(execution_id), "not_before")

    def revoke(self, execution_ids: Iterable[str], reason: str) -> None:
        """Let runs not begin another attempt, not even those that are entered later, within `retention`."""
        with self._client.pipeline(transaction=False) as pipe:
            for execution_id in execution_ids:
                pipe.set(redis_keys.revoked(execution_id), reason, ex=self.retention_seconds)
            pipe.execute()

    def forget_revoked(self, execution_ids: Sequence[str]) -> None:
        """Forget that runs were revoked: they are over, and may be retried."""
        if execution_ids:
            self._client.delete(*map(redis_keys.revoked, execution_ids))

    def end(
        self,
        run: RunRecord,
        state: RunState,
        *,
        at: datetime,
        next_due: float | None = None,
        notice: EndNotice | None = None,
        **changes: Any,  # noqa: ANN401  # fields of the run
    ) -> RunRecord | None:
        """Move a run to `state` and write `changes` (fields of `RunRecord`).

        With `next_due` (Unix seconds) the run's task is due then, unless it has a next occurrence already.
        If its cancellation was requested, the run is cancelled instead of waiting for another attempt.
        Returns the run afterwards, or None if the move was refused, because the run is over or another
        worker has claimed it since.
        """
        allowed = states_before(state)
        if run.state is RunState.RUNNING:  # the holder of a claim ends its own attempt, not the wait after it
            allowed &= {RunState.RUNNING}
        else:  # a caller that saw the run wait does not end an attempt begun since
            allowed -= {RunState.RUNNING}
        finished = {"finished_at": at} if state.is_final else {}
        if run.state is RunState.RUNNING:
            changes.setdefault("duration_ms", run.duration_until(at))
        written = encoded({"state": state, **finished, **changes})
        argv = self._argv_of_end(run, state, joined(allowed), at, next_due)
        retry_at = changes.get("retry_at")
        argv += ["" if retry_at is None else (retry_at - at).total_seconds(), *script_args(notice)]
        pairs = self._script("end_attempt")(
            keys=_keys_of_end(run, self._redbeat_keys), args=[*argv, *_flat(written)]
        )
        if pairs and pairs[0] == _CANCEL:
            changes.pop("retry_at", None)
            cancelled = {**changes, "reason": pairs[1]}
            return self.end(run, RunState.CANCELLED, at=at, next_due=next_due, **cancelled)
        return RunRecord.from_pairs(pairs) if pairs else None

    def _argv_of_end(
        self, run: RunRecord, state: RunState, allowed: str, at: datetime, next_due: float | None
    ) -> list[str | float]:
        is_running = run.state is RunState.RUNNING
        return [
            allowed,
            run.attempt,
            int(state.is_final),
            run.execution_id,
            run.task_id,
            at.timestamp(),
            format_instant(at),
            self.retention_seconds,
            self._max_runs,
            counter_of(state),
            "" if next_due is None else repr(next_due),
            run.fence if is_running and run.fence is not None else "",
            run.scheduled_time.timestamp(),
            record_identity(run.execution_id, run.attempt, is_final=state.is_final),
            int(is_running),
            int(run.revision is not None),
        ]


def turn_keys(task_id: str) -> list[str]:
    """Return the keys by which a task's runs take turns: first active runs, the others, and two that wait."""
    return [
        redis_keys.FIRST_ACTIVE_RUNS,
        redis_keys.other_active_of_task(task_id),
        redis_keys.waiting_of_task(task_id),
        redis_keys.requested_of_task(task_id),
    ]


def _keys_of_end(run: RunRecord, redbeat_keys: RedBeatKeys) -> list[str]:
    return [redis_keys.run(run.execution_id), redbeat_keys.schedule, redbeat_keys.entry(run.task_id)]


def counter_of(state: RunState) -> str:
    """Return the counter of a task's history that a run in `state` raises, "" if none."""
    counters = {RunState.SUCCESS: "success_count", RunState.SKIPPED: SKIPPED_COUNT}
    return counters.get(state, "failure_count" if state in RAN_AND_FAILED else "")


def _flat(mapping: Mapping[str, str]) -> list[str]:
    return list(chain.from_iterable(mapping.items()))
