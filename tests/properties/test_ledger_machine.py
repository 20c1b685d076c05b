"""The ledger against a plain model: LEDGER_EXAMPLES orders of claims, lapses, endings and cancellations."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mission_control.ledger.claims import BeginVerdict, LeaseState
from mission_control.ledger.ledger import Ledger
from mission_control.model.runs.run_state import RAN_AND_FAILED, TRANSITIONS, RunState
from mission_control.store import redis_keys
from mission_control.sweep.pending_records import PendingRecord, read_pending
from tests.properties.ledger_model import BEGUN, Model
from tests.samples.ledger_runs import NOW, a_run

if TYPE_CHECKING:
    from redis import Redis

    from mission_control.installation.installation import Installation
    from mission_control.model.runs.run_record import RunRecord

pytestmark = pytest.mark.starts_early(50)

EXAMPLES = int(os.environ.get("LEDGER_EXAMPLES", "60"))
IDS = ["a@1", "a@2", "b@1"]
ENDS = sorted(set(RunState) - {RunState.DISPATCHED, RunState.RUNNING, RunState.INTERRUPTED})
MANY, MOST_FIELDS = [f"mail:{number}" for number in range(9_000)], 30
ids = st.sampled_from(IDS)
WHICH = st.sampled_from([0, 0, 0, 1, 2])
"""Which claim, or look: mostly the latest."""


class LedgerMachine(RuleBasedStateMachine):
    """Drives both and compares."""

    client: Redis

    def __init__(self) -> None:
        super().__init__()
        self.client.flushall()
        self.ledger = Ledger(self.client, retention=timedelta(days=1), max_runs=1_000)
        self.model: dict[str, Model] = {}
        self.claims: dict[str, list[RunRecord]] = {one: [] for one in IDS}
        self.counted: dict[str, list[bool]] = {"a": [], "b": []}
        self.effects: dict[str, set[str]] = {one: set() for one in IDS}
        self.looks: dict[str, list[RunRecord]] = {one: [] for one in IDS}
        self.pending: set[str] = set()

    @initialize()
    def dispatch_two(self) -> None:
        for run in IDS[:2]:
            self.dispatch(run)

    @rule(run=ids)
    def dispatch(self, run: str) -> None:
        assert (self.ledger.dispatch(a_run(run)) is not None) is (run not in self.model)
        self.model.setdefault(run, Model())

    @rule(run=ids, off=st.sampled_from([0, 0, 0, 1, -1]))
    def begin(self, run: str, off: int) -> None:
        """Begin the attempt that is due, or, some attempts `off`, another one."""
        model = self.model.get(run, Model())
        attempt = model.attempt + off if model.state in BEGUN else model.attempt + 1 + off
        reply = self.ledger.begin(run, attempt, worker="w", at=NOW)
        if run not in self.model:
            assert reply.verdict is BeginVerdict.UNKNOWN
            return
        assert reply.verdict is model.verdict(attempt)
        if reply.verdict is BeginVerdict.BEGUN:
            if model.state is RunState.RUNNING:
                self.pending.add(f"{attempt}:0.{model.fence}:{run}")
                assert reply.lost is not None
                assert reply.lost.fence == model.fence
            model.begin(attempt)
            assert reply.run is not None
            assert (reply.run.fence, reply.run.deliveries) == (model.fence, model.deliveries)
            self.claims[run].append(reply.run)

    def claim(self, run: str, which: int) -> tuple[RunRecord, Model, bool]:
        """Return a claim of a run, or of one that has any, its model, and whether it holds."""
        run = run if self.claims[run] else next(one for one in IDS if self.claims[one])
        claim, model = self.claims[run][-1 - which % len(self.claims[run])], self.model[run]
        return claim, model, model.state is RunState.RUNNING and claim.fence == model.fence

    @rule(run=ids)
    def lapse(self, run: str) -> None:
        if run in self.model and self.model[run].is_leased:
            self.client.hset(redis_keys.run(run), "lease_until", "1")
            self.model[run].is_leased = False

    @precondition(lambda self: any(self.claims.values()))
    @rule(run=ids, which=WHICH, state=st.sampled_from([*ENDS, *[RunState.RETRYING] * len(ENDS)]))
    def end(self, run: str, which: int, state: RunState) -> None:
        """End with any claim there ever was: only the latest may."""
        claim, model, holds = self.claim(run, which)
        is_allowed = holds and state in TRANSITIONS[RunState.RUNNING]
        ended = self.ledger.end(claim, state, at=NOW, error="boom")
        assert (ended is not None) is is_allowed
        if ended is not None:
            reached = model.end(state)
            assert ended.state is reached
            self.pending.add(f"{model.attempt}:{int(reached.is_final)}:{claim.execution_id}")
            if reached is RunState.SUCCESS or reached in RAN_AND_FAILED:
                self.counted[claim.task_id].append(reached is RunState.SUCCESS)

    @precondition(lambda self: any(self.claims.values()))
    @rule(run=ids, which=WHICH)
    def renew(self, run: str, which: int) -> None:
        claim, model, holds = self.claim(run, which)
        kept = LeaseState.CANCEL if model.is_to_be_cancelled else LeaseState.HELD
        assert self.ledger.renew([(claim.execution_id, claim.fence)]) == [kept if holds else LeaseState.GONE]
        if holds:
            model.is_leased = True

    @precondition(lambda self: any(self.claims.values()))
    @rule(run=ids, which=WHICH, counts=st.booleans(), is_lapsed=st.booleans())
    def interrupt(self, run: str, which: int, counts: bool, is_lapsed: bool) -> None:
        """Interrupt with any claim there ever was: only the latest is."""
        claim, model, holds = self.claim(run, which)
        is_due = holds and not (is_lapsed and model.is_leased)
        assert bool(self.ledger.interrupt(claim, at=NOW, counts=counts, is_lapsed=is_lapsed)) is is_due
        if is_due:
            model.interrupt(counts=counts or is_lapsed)
            self.pending.add(f"{model.attempt}:0.{model.fence}:{claim.execution_id}")

    @rule(run=ids)
    def look(self, run: str) -> None:
        seen = self.ledger.get(run)
        if seen is not None and not seen.state.is_final:
            self.looks[run].append(seen)

    @precondition(lambda self: any(self.looks.values()))
    @rule(run=ids, which=WHICH)
    def mark_resent(self, run: str, which: int) -> None:
        """Send again what was seen at any look there ever was: only if nothing has happened since."""
        run = run if self.looks[run] else next(one for one in IDS if self.looks[one])
        seen, model = self.looks[run][-1 - which % len(self.looks[run])], self.model[run]
        is_as_seen = (seen.state, seen.attempt, seen.resends) == (model.state, model.attempt, model.resends)
        assert self.ledger.mark_resent(seen, at=NOW) is is_as_seen
        if is_as_seen:
            model.resends += 1

    @precondition(lambda self: any(self.claims.values()))
    @rule(run=ids, which=WHICH, key=st.sampled_from(["mail", "post"]))
    def once(self, run: str, which: int, key: str) -> None:
        claim, _, holds = self.claim(run, which)
        is_first = holds and key not in self.effects[claim.execution_id]
        assert self.ledger.mark_once(claim, key) is is_first
        if is_first:
            self.effects[claim.execution_id].add(key)

    @precondition(lambda self: any(self.claims.values()))
    @rule(run=ids, which=WHICH)
    def once_for_thousands(self, run: str, which: int) -> None:
        claim, _, holds = self.claim(run, which)
        if holds and MANY[0] not in self.effects[claim.execution_id]:
            self.client.sadd(redis_keys.effects(claim.execution_id), *MANY)
            self.effects[claim.execution_id].update(MANY)
        assert not self.ledger.mark_once(claim, MANY[-1])

    @rule(run=ids)
    def cancel(self, run: str) -> None:
        seen = self.ledger.get(run)
        if seen is None:
            assert run not in self.model
            return
        model = self.model[run]
        if seen.state is RunState.RUNNING:
            assert self.ledger.ask_to_cancel(run, "never mind")
            model.is_to_be_cancelled = True
        else:
            is_waiting = not model.state.is_final
            cancelled = self.ledger.end(seen, RunState.CANCELLED, at=NOW, reason="never mind")
            assert (cancelled is not None) is is_waiting
            if is_waiting:
                model.end(RunState.CANCELLED)
                self.pending.add(f"{model.attempt}:1:{run}")

    @invariant()
    def runs_are_as_the_model_says(self) -> None:
        for run, model in self.model.items():
            stored = self.ledger.get(run)
            assert stored is not None
            assert (stored.state, stored.attempt) == (model.state, model.attempt)
            assert stored.resends == model.resends
            assert stored.deliveries == (model.deliveries if model.fence else None)
            assert (self.client.ttl(redis_keys.run(run)) > 0) is model.state.is_final

    @invariant()
    def effects_are_stored_with_their_runs(self) -> None:
        for run, model in self.model.items():
            key = redis_keys.effects(run)
            marked = self.effects[run]
            assert self.client.scard(key) == len(marked)
            assert (self.client.ttl(key) > 0) is (model.state.is_final and bool(marked))
            assert self.client.hlen(redis_keys.run(run)) < MOST_FIELDS

    @invariant()
    def records_are_pending(self) -> None:
        assert set(self.client.hkeys(redis_keys.PENDING_RECORDS)) == self.pending
        found = read_pending(self.client, since=float("inf"))
        assert all(isinstance(one, PendingRecord) for one in found)

    @invariant()
    def tasks_runs_are_listed(self) -> None:
        for task in {run[0] for run in self.model}:
            runs = {run for run in self.model if run[0] == task}
            assert {run.execution_id for run in self.ledger.runs_of(task)} == runs
            is_idle = all(self.model[run].state.is_final for run in runs)
            assert (self.client.ttl(redis_keys.task_runs(task)) > 0) is is_idle

    @invariant()
    def indexes_agree_with_runs(self) -> None:
        active = {run for run, model in self.model.items() if not model.state.is_final}
        running = {run for run, model in self.model.items() if model.state is RunState.RUNNING}
        members: Any = self.client.zrange(redis_keys.ACTIVE_RUNS, 0, -1)
        leases: Any = self.client.zrange(redis_keys.LEASES, 0, -1)
        finished: Any = self.client.zrange(redis_keys.FINISHED_RUNS, 0, -1)
        assert (set(members), set(leases)) == (active, running)
        assert set(finished) == set(self.model) - active

    @invariant()
    def counters_agree_with_endings(self) -> None:
        for task, endings in self.counted.items():
            history = self.ledger.history(task)
            counts = (history.total_runs, history.success_count, history.failure_count)
            assert counts == (len(endings), endings.count(True), endings.count(False))


@pytest.mark.usefixtures("installation")
def test_ledger_under_random_operations_behaves_as_the_model(installation: Installation) -> None:
    LedgerMachine.client = installation.client
    few = settings(max_examples=EXAMPLES, stateful_step_count=40, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(LedgerMachine, settings=few)
