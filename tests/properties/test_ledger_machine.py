"""The ledger against a plain model: any order of claims, lapses, endings and cancellations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from mission_control import redis_keys
from mission_control.ledger import MOST_DELIVERIES, BeginVerdict, LeaseState, Ledger, RunRecord, RunState
from mission_control.ledger.run_state import RAN_AND_FAILED, TRANSITIONS
from tests.ledger_runs import NOW, a_run

if TYPE_CHECKING:
    from redis import Redis

    from mission_control.installation import Installation

IDS = ["a@1", "a@2", "b@1"]
ENDS = sorted(set(RunState) - {RunState.DISPATCHED, RunState.RUNNING})
ids = st.sampled_from(IDS)


@dataclass
class Model:
    """What a run is to be, in plain Python."""

    state: RunState = RunState.DISPATCHED
    attempt: int = 0
    fence: int = 0
    deliveries: int = 0
    is_leased: bool = False
    is_to_be_cancelled: bool = False

    def verdict(self, attempt: int) -> BeginVerdict:
        if self.state.is_final:
            return BeginVerdict.FINISHED
        if self.state is not RunState.RUNNING:
            return BeginVerdict.BEGUN if attempt == self.attempt + 1 else BeginVerdict.STALE
        if attempt != self.attempt:
            return BeginVerdict.STALE
        if self.is_leased:
            return BeginVerdict.RUNNING
        if self.is_to_be_cancelled:
            return BeginVerdict.CANCELLED
        return BeginVerdict.POISONED if self.deliveries >= MOST_DELIVERIES else BeginVerdict.BEGUN

    def begin(self, attempt: int) -> None:
        self.deliveries = self.deliveries + 1 if self.state is RunState.RUNNING else 1
        self.state, self.attempt, self.is_leased = RunState.RUNNING, attempt, True
        self.fence += 1

    def end(self, state: RunState) -> RunState:
        if state is RunState.RETRYING and self.is_to_be_cancelled:
            state = RunState.CANCELLED
        self.state, self.is_leased = state, False
        return state


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
        self.effects: set[tuple[str, str]] = set()

    @rule(run=ids)
    def dispatch(self, run: str) -> None:
        assert self.ledger.dispatch(a_run(run)) is (run not in self.model)
        self.model.setdefault(run, Model())

    @rule(run=ids, attempt=st.integers(1, 4))
    def begin(self, run: str, attempt: int) -> None:
        reply = self.ledger.begin(run, attempt, worker="w", at=NOW)
        if run not in self.model:
            assert reply.verdict is BeginVerdict.UNKNOWN
            return
        model = self.model[run]
        assert reply.verdict is model.verdict(attempt)
        if reply.verdict is BeginVerdict.BEGUN:
            model.begin(attempt)
            assert reply.run is not None
            assert (reply.run.fence, reply.run.deliveries) == (model.fence, model.deliveries)
            self.claims[run].append(reply.run)

    @rule(run=ids)
    def lapse(self, run: str) -> None:
        if run in self.model and self.model[run].state is RunState.RUNNING:
            self.client.hset(redis_keys.run(run), "lease_until", "1")
            self.model[run].is_leased = False

    @rule(run=ids, which=st.integers(0, 5), state=st.sampled_from(ENDS))
    def end(self, run: str, which: int, state: RunState) -> None:
        """End with any claim there ever was: only the latest may."""
        if not self.claims[run]:
            return
        claim = self.claims[run][which % len(self.claims[run])]
        model = self.model[run]
        is_allowed = (
            state in TRANSITIONS[RunState.RUNNING]
            and model.state is RunState.RUNNING
            and claim.fence == model.fence
        )
        ended = self.ledger.end(claim, state, at=NOW, error="boom")
        assert (ended is not None) is is_allowed
        if ended is not None:
            reached = model.end(state)
            assert ended.state is reached
            if reached is RunState.SUCCESS or reached in RAN_AND_FAILED:
                self.counted[run[0]].append(reached is RunState.SUCCESS)

    @rule(run=ids, which=st.integers(0, 5))
    def renew(self, run: str, which: int) -> None:
        if not self.claims[run]:
            return
        claim = self.claims[run][which % len(self.claims[run])]
        model = self.model[run]
        holds = model.state is RunState.RUNNING and claim.fence == model.fence
        kept = LeaseState.CANCEL if model.is_to_be_cancelled else LeaseState.HELD
        assert self.ledger.renew([(run, claim.fence)]) == [kept if holds else LeaseState.LOST]
        model.is_leased = model.is_leased or holds

    @rule(run=ids, which=st.integers(0, 5), key=st.sampled_from(["mail", "post"]))
    def once(self, run: str, which: int, key: str) -> None:
        if not self.claims[run]:
            return
        claim = self.claims[run][which % len(self.claims[run])]
        model = self.model[run]
        holds = model.state is RunState.RUNNING and claim.fence == model.fence
        is_first = holds and (run, key) not in self.effects
        assert self.ledger.mark_once(claim, key) is is_first
        if is_first:
            self.effects.add((run, key))

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
            cancelled = self.ledger.cancel_waiting(seen, at=NOW, reason="never mind")
            assert (cancelled is not None) is is_waiting
            if is_waiting:
                model.end(RunState.CANCELLED)

    @invariant()
    def runs_are_as_the_model_says(self) -> None:
        for run, model in self.model.items():
            stored = self.ledger.get(run)
            assert stored is not None
            assert (stored.state, stored.attempt) == (model.state, model.attempt)
            assert (self.client.ttl(redis_keys.run(run)) > 0) is model.state.is_final

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
def test_the_ledger_behaves_as_the_model(installation: Installation) -> None:
    LedgerMachine.client = installation.client
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
