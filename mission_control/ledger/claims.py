"""Claims: which worker runs an attempt, for how long, and how often it was begun.

A claim is a lease, whose length is counted by the Redis server's clock alone, and a fence, a number that
grows with each claim of a run. The lease keeps other workers away while its holder renews it; the fence
lets the ledger tell a holder whose lease ran out from its successor.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, cast

from redis import Redis

from mission_control.ledger.run_effects import RunEffects, fence_of
from mission_control.model.runs.record_identity import record_identity
from mission_control.model.runs.run_record import RECORDED, RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.instants import format_instant, parse_instant
from mission_control.signing.keyring import NO_KEYS, Keyring
from mission_control.signing.run_specs import spec_problem
from mission_control.store import redis_keys

if TYPE_CHECKING:
    from mission_control.model.runs.handler_contract import UpstreamResult

DEFAULT_LEASE: Final = timedelta(seconds=60)
EARLY_BY: Final = timedelta(seconds=30)
"""How much sooner than it is due, by Redis' clock, a message may begin an attempt: hosts' clocks differ."""

_FENCE: Final = "\0"
"""Stands for the fence of a lost claim, which `begin_attempt.lua` knows."""


class BeginVerdict(StrEnum):
    """The ledger's answer to a delivery that wants to begin an attempt; see `begin_attempt.lua`."""

    BEGUN = "begun"
    UNKNOWN = "unknown"
    FINISHED = "finished"
    WAITS = "waits"
    LIMITED = "limited"
    OVER_BUDGET = "over_budget"
    HELD = "held"
    STALE = "stale"
    EARLY = "early"
    CANCEL = "cancel"
    POISONED = "poisoned"
    FOREIGN = "foreign"
    UNREADABLE = "unreadable"
    UNSIGNED = "unsigned"  # begun, and its handler must not run: see `BeginReply.problem`


@dataclass(frozen=True)
class BeginReply:
    """The verdict, and the run as it stands after it (None if unknown or unreadable).

    With `BEGUN`, `last_success` is when a run of the task last succeeded, and `lost` is the run as the
    previous worker had it if its lease ran out: the caller records that. With `UNSIGNED`, `problem` says
    what is wrong with its signature; with `OVER_BUDGET`, it and `cause` say why the run is skipped.
    """

    verdict: BeginVerdict
    run: RunRecord | None
    last_success: datetime | None = None
    lost: RunRecord | None = None
    problem: str | None = None
    cause: dict[str, str] | None = None


class LeaseState(StrEnum):
    """The answer to the renewal of a lease."""

    HELD = "held"
    CANCEL = "cancel"  # held, but the handler must stop
    GONE = "gone"


class Claims(RunEffects):
    """The ledger, for processes that run attempts."""

    def __init__(
        self, client: Redis, *, lease: timedelta = DEFAULT_LEASE, keyring: Keyring = NO_KEYS
    ) -> None:
        super().__init__(client)
        self.lease = lease
        self.keyring = keyring

    def begin(
        self,
        execution_id: str,
        attempt: int,
        *,
        worker: str,
        at: datetime,
        handler: str | None = None,
        early_by: timedelta | None = EARLY_BY,
    ) -> BeginReply:
        """Claim an attempt for this process of a worker; the handler may run only if the verdict is `BEGUN`.

        A running attempt is taken over once its lease has run out, and is begun at most `MOST_DELIVERIES`
        times. With `handler`, a run of another handler is refused. An attempt that is due more than
        `early_by` later is refused; None refuses none. With keys, a run that is not signed is refused after
        it was begun. One round trip.
        """
        identity = record_identity(execution_id, attempt, is_final=False, delivery=_FENCE)
        reply = self._script("begin_attempt")(
            keys=[redis_keys.run(execution_id), redis_keys.revoked(execution_id)],
            args=[
                attempt,
                format_instant(at),
                worker,
                self.lease.total_seconds(),
                "" if handler is None else handler,
                os.getpid(),
                "" if early_by is None else early_by.total_seconds(),
                *identity.split(_FENCE, 1),
            ],
        )
        return self._reply(*reply)

    def _reply(self, verdict: str, last_success: str, lost: str, pairs: list[str]) -> BeginReply:
        """Return what a reply of `begin_attempt.lua` says."""
        if verdict == BeginVerdict.OVER_BUDGET:
            cause = json.loads(lost)
            return BeginReply(BeginVerdict(verdict), _run_of(pairs), problem=last_success, cause=cause)
        is_begun = verdict == BeginVerdict.BEGUN
        problem = spec_problem(_stored_spec(pairs), self.keyring) if is_begun else None
        return BeginReply(
            BeginVerdict(verdict) if problem is None else BeginVerdict.UNSIGNED,
            _run_of(pairs),
            parse_instant(last_success) if last_success else None,
            _run_of(json.loads(lost)) if lost else None,
            problem,
        )

    def renew(self, attempts: Sequence[tuple[str, int | None]], *, worker: str = "") -> list[LeaseState]:
        """Renew the leases of attempts, each an `execution_id` and its fence, in one round trip.

        Without a fence, it must be `worker`'s.
        """
        args: list[str | float] = [self.lease.total_seconds(), redis_keys.run(""), worker, RunState.RUNNING]
        for execution_id, fence in attempts:
            args += [execution_id, "" if fence is None else fence]
        answers = self._script("renew_leases")(keys=[redis_keys.LEASES], args=args)
        return [LeaseState(answer) for answer in cast("list[str]", answers)]

    def interrupt(
        self, run: RunRecord, *, at: datetime, counts: bool = False, is_lapsed: bool = False
    ) -> RunRecord | None:
        """Take a run's attempt from its worker; the next worker begins the same attempt again.

        A worker that stops in good order did not die of the attempt, so this delivery does not count
        towards `MOST_DELIVERIES`, unless it `counts`. With `is_lapsed` it counts, and its lease must have
        run out. Returns the run for the record of that, which is pending from now on, as `interrupted` or,
        if its lease ran out, still as running; None if it was refused, because the worker no longer has it.
        """
        identity = record_identity(run.execution_id, run.attempt, is_final=False, delivery=run.fence)
        pairs = self._script("interrupt_attempt")(
            keys=[
                redis_keys.run(run.execution_id),
                redis_keys.LEASES,
                redis_keys.PENDING_RECORDS,
                redis_keys.LIMITS,
                redis_keys.PARKED,
            ],
            args=[
                run.execution_id,
                fence_of(run),
                int(counts),
                int(is_lapsed),
                RunState.RUNNING,
                RunState.INTERRUPTED,
                format_instant(at),
                RECORDED,
                identity,
                run.duration_until(at) or 0,
                redis_keys.WAKE_CHANNEL,
            ],
        )
        return _run_of(pairs)

    def upstream_outputs(self, run: RunRecord) -> dict[str, UpstreamResult]:
        """Return by task how the runs ended that a run came after, and what they returned."""
        if not run.upstream:
            return {}
        from mission_control.ledger.upstream_runs import UpstreamRuns

        return UpstreamRuns(self._client).outputs(run.upstream)

    def expire_parked(self, run: RunRecord) -> None:
        """Let a run that waits for a limit be sent no later than it expires, so that it ends then."""
        if run.expires_at is not None and run.attempt == 0:
            self._client.zadd(
                redis_keys.PARKED, {run.execution_id: run.expires_at.timestamp()}, xx=True, lt=True
            )

    def signature_problem(self, execution_id: str) -> str | None:
        """Return what is wrong with the signature of a run; None if nothing is, or without keys."""
        stored = cast("str | None", self._client.hget(redis_keys.run(execution_id), "spec"))
        return spec_problem(stored, self.keyring)

    def ask_to_cancel(self, execution_id: str, reason: str) -> bool:
        """Ask the worker that runs a run to stop it; False if the run is not running."""
        return bool(
            self._script("ask_to_cancel")(
                keys=[redis_keys.run(execution_id)], args=[reason, RunState.RUNNING]
            )
        )


def _stored_spec(pairs: Sequence[str]) -> str | None:
    return next((text for name, text in zip(pairs[::2], pairs[1::2], strict=True) if name == "spec"), None)


def _run_of(pairs: Sequence[str]) -> RunRecord | None:
    return RunRecord.from_pairs(pairs) if pairs else None
