"""The ledger's transitions: each is one script that refuses what the state machine does not allow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from importlib import resources
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

from mission_control import redis_keys
from mission_control.definitions.instants import format_instant
from mission_control.ledger.history import History
from mission_control.ledger.run_record import RunRecord
from mission_control.ledger.run_state import RAN_AND_FAILED, RunState, states_before

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta

    from redis import Redis
    from redis.commands.core import Script


class BeginVerdict(StrEnum):
    """The ledger's answer to a delivery that wants to begin an attempt."""

    BEGUN = "begun"
    UNKNOWN = "unknown"
    FINISHED = "finished"
    RUNNING = "running"
    STALE = "stale"


@dataclass(frozen=True)
class BeginReply:
    """The verdict, and the run as it stands after it (None if unknown)."""

    verdict: BeginVerdict
    run: RunRecord | None


class Ledger:
    """The record of runs in Redis.

    Guarantees: a run is entered once; a transition happens only along `run_state.TRANSITIONS` and moves
    run, counters and indexes together; losing a race is an answer, never an exception.
    Does not guarantee that a run outlives `retention`: finished runs are dropped after that time, or
    when the task has more than `max_runs` of them. The audit stream is the permanent record.
    """

    def __init__(self, client: Redis, *, retention: timedelta, max_runs: int) -> None:
        self._client = client
        self._retention_seconds = int(retention.total_seconds())
        self._max_runs = max_runs

    def dispatch(self, run: RunRecord) -> bool:
        """Enter a run that is about to be sent; False if it exists already."""
        return self._enter(run, []) == run.execution_id

    def dispatch_once(self, run: RunRecord, idempotency_key: str) -> str:
        """Enter a run under a key and return its id, or the id of the run that the key stands for already.

        The key is remembered as long as finished runs are.
        """
        entered = self._enter(run, [redis_keys.idempotency(idempotency_key)])
        return run.execution_id if entered is None else entered

    def forget_key(self, idempotency_key: str) -> None:
        """Let a key be used anew."""
        self._client.delete(redis_keys.idempotency(idempotency_key))

    def record_unfired(
        self, run: RunRecord, state: RunState, reason: str, *, at: datetime
    ) -> RunRecord | None:
        """Enter an occurrence that is not run, with the reason; None if the ledger has it already."""
        closed = replace(run, state=state, reason=reason, finished_at=at)
        if not self.dispatch(closed):
            return None
        return self._end(closed, allowed={state}, attempt=None, changes={}, at=at, next_due=None)

    def begin(
        self, execution_id: str, attempt: int, *, worker: str, at: datetime, redelivered: bool = False
    ) -> BeginReply:
        """Claim an attempt for a worker; only `BEGUN` means that the handler may run.

        An attempt that runs already is taken over only by a redelivered message, and only from a worker
        that gives no sign of life any more.
        """
        verdict, *pairs = self._begin(
            keys=[redis_keys.run(execution_id)],
            args=[attempt, format_instant(at), worker, int(redelivered), redis_keys.process("worker", "")],
        )
        stored = dict(zip(pairs[::2], pairs[1::2], strict=True))
        return BeginReply(BeginVerdict(verdict), RunRecord.from_hash(stored) if stored else None)

    def end(
        self,
        run: RunRecord,
        state: RunState,
        *,
        at: datetime,
        next_due: float | None = None,
        **changes: Any,  # noqa: ANN401  # fields of the run
    ) -> RunRecord | None:
        """Move a run to `state` and write `changes` (fields of `RunRecord`).

        With `next_due` (Unix seconds) the run's task is due then, unless it has a next occurrence already.
        Returns the run afterwards, or None if the move was refused because the run is elsewhere by now.
        """
        attempt = run.attempt if run.state is RunState.RUNNING else None
        finished = {"finished_at": at} if state.is_final else {}
        moved = {"state": state, **finished, **changes}
        return self._end(run, states_before(state), attempt, moved, at, next_due)

    def get(self, execution_id: str) -> RunRecord | None:
        """Return a run, or None if the ledger has none of that id (any more)."""
        stored = cast("dict[str, str]", self._client.hgetall(redis_keys.run(execution_id)))
        return RunRecord.from_hash(stored) if stored else None

    def runs_of(self, task_id: str, *, limit: int = 20) -> list[RunRecord]:
        """Return a task's runs, the latest scheduled first."""
        return self._load(self._client.zrevrange(redis_keys.task_runs(task_id), 0, limit - 1))

    def finished_since(self, moment: datetime, *, limit: int = 10_000) -> list[RunRecord]:
        """Return the runs that ended at or after `moment`, the earliest first, all tasks together."""
        found = self._client.zrange(
            redis_keys.FINISHED_RUNS, moment.timestamp(), "+inf", byscore=True, offset=0, num=limit
        )
        return self._load(found)

    def active(self, *, limit: int = 1_000) -> list[RunRecord]:
        """Return the runs that are not over, the longest dispatched first."""
        return self._load(self._client.zrange(redis_keys.ACTIVE_RUNS, 0, limit - 1))

    def active_count(self) -> int:
        """Return how many runs are not over."""
        return int(self._client.zcard(redis_keys.ACTIVE_RUNS))

    def history(self, task_id: str) -> History:
        """Return a task's counters."""
        return self.histories([task_id])[0]

    def histories(self, task_ids: Iterable[str]) -> list[History]:
        """Return the counters of several tasks in one round trip, in their order."""
        with self._client.pipeline(transaction=False) as pipe:
            for task_id in task_ids:
                pipe.hgetall(redis_keys.history(task_id))
            return [History.from_hash(stored) for stored in pipe.execute()]

    def _enter(self, run: RunRecord, more_keys: list[str]) -> str | None:
        keys = [redis_keys.run(run.execution_id), redis_keys.ACTIVE_RUNS, redis_keys.task_runs(run.task_id)]
        argv: list[str | float] = [
            run.execution_id,
            run.dispatched_at.timestamp(),
            run.scheduled_time.timestamp(),
            self._retention_seconds,
        ]
        entered = self._dispatch(keys=[*keys, *more_keys], args=[*argv, *_flat(run.to_hash())])
        return None if entered is None else str(entered)

    def _end(
        self,
        run: RunRecord,
        allowed: Iterable[RunState],
        attempt: int | None,
        changes: dict[str, Any],
        at: datetime,
        next_due: float | None,
    ) -> RunRecord | None:
        after = replace(run, **changes)
        stored = after.to_hash()
        written = {name: stored[name] for name in {"state", *changes} if name in stored}
        keys = [
            redis_keys.run(run.execution_id),
            redis_keys.ACTIVE_RUNS,
            redis_keys.FINISHED_RUNS,
            redis_keys.history(run.task_id),
            redis_keys.task_runs(run.task_id),
            redis_keys.REDBEAT_SCHEDULE,
            redis_keys.schedule_entry(run.task_id),
            redis_keys.AUDIT_DEBTS,
        ]
        argv = [
            f",{','.join(sorted(allowed))},",
            "" if attempt is None else attempt,
            int(after.state.is_final),
            run.execution_id,
            at.timestamp(),
            format_instant(at),
            self._retention_seconds,
            self._max_runs,
            _counted_as(after.state),
            redis_keys.run(""),
            "" if next_due is None else repr(next_due),
            redis_keys.WAKE_CHANNEL,
        ]
        pairs = self._end_attempt(keys=keys, args=[*argv, *_flat(written)])
        return RunRecord.from_hash(dict(zip(pairs[::2], pairs[1::2], strict=True))) if pairs else None

    def _load(self, execution_ids: object) -> list[RunRecord]:
        with self._client.pipeline(transaction=False) as pipe:
            for execution_id in cast("list[str]", execution_ids):
                pipe.hgetall(redis_keys.run(execution_id))
            return [RunRecord.from_hash(stored) for stored in pipe.execute() if stored]

    @cached_property
    def _dispatch(self) -> Script:
        return self._script("dispatch")

    @cached_property
    def _begin(self) -> Script:
        return self._script("begin_attempt")

    @cached_property
    def _end_attempt(self) -> Script:
        return self._script("end_attempt")

    def _script(self, name: str) -> Script:
        source = resources.files(__package__).joinpath("scripts", f"{name}.lua").read_text("utf-8")
        return self._client.register_script(source)


def _counted_as(state: RunState) -> str:
    if state is RunState.SUCCESS:
        return "success"
    return "failure" if state in RAN_AND_FAILED else ""


def _flat(mapping: Mapping[str, str]) -> list[str]:
    return list(chain.from_iterable(mapping.items()))
