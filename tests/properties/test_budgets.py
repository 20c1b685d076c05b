"""Budgets: the script decides as the pure functions do; no order of events leaks or passes a cap."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from mission_control.ledger.claims import BeginVerdict
from mission_control.ledger.run_reader import parts_of_runs
from mission_control.model.definitions.named_budget import UNKNOWN, Budget, Cap
from mission_control.model.policies.budgets import Verdict, decide_again, decide_budget, mean_after, span_end
from mission_control.model.runs.run_state import ACTIVE_STATES, WAITING_STATES, RunState
from mission_control.model.values.instants import format_instant
from mission_control.operate.budgets import standings
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import with_rights
from tests.samples.ledger_runs import NOW, a_run, lapse

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.model.runs.run_record import RunRecord

amounts = st.integers(0, 10**15)
windows = st.integers(1, 366 * 86_400)
instants = st.integers(0, 4_000_000_000)
spans = st.lists(st.tuples(instants, st.integers(0, 10**13)), max_size=5).map(sorted)

DECIDE = """
local budget = budgets()
local function written(needed, frees, is_lent)
  return {needed and budget.whole(needed) or '', frees or '', is_lent or false}
end
return cjson.encode({written(budget.decide(cap, window, spent, reserved, expected)),
  written(budget.decide_again(cap, window, spent, reserved, left, expected, false)),
  written(budget.decide_again(cap, window, spent, reserved, left, expected, true)),
  budget.span_end(now, window), budget.mean_after(mean, runs, reserved), budget.iso(now)})
"""


def written(verdict: Verdict) -> list[object]:
    reserves = "" if verdict.reserves is None else str(verdict.reserves)
    return [reserves, verdict.frees_at or "", verdict.is_lent]


@given(
    st.integers(1, 10**15), windows, spans, amounts, amounts, st.one_of(amounts, st.just(UNKNOWN)), instants
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_script_decides_about_budgets_as_the_pure_functions_do(
    installation: Installation,
    cap: int,
    window: int,
    spent: list[tuple[int, int]],
    reserved: int,
    left: int,
    expected: int,
    now: int,
) -> None:
    numbers = {"cap": cap, "window": window, "reserved": reserved, "left": left, "expected": expected}
    given = "".join(
        f"local {name} = {value}\n" for name, value in {**numbers, "now": now, "mean": 7.5, "runs": 3}.items()
    )
    listed = ", ".join(f"{{{end}, {amount}}}" for end, amount in spent)
    source = with_rights(f"{given}local spent = {{{listed}}}\n{DECIDE}", parts_of_runs("budgets")["modules"])
    first, free, lent, last, mean, iso = json.loads(str(installation.client.eval(source, 1, "key")))
    known = Cap(cap, window), spent, reserved
    assert first == written(decide_budget(*known, expected))
    assert free == written(decide_again(*known, left, expected, is_lent=False))
    assert lent == written(decide_again(*known, left, expected, is_lent=True))
    assert last == span_end(now, window)
    assert mean == pytest.approx(mean_after(7.5, 3, reserved))
    assert iso == format_instant(datetime.fromtimestamp(now, UTC))


IDS = [f"{task}@{at}" for task in "ab" for at in range(5)]
ids = st.sampled_from(IDS)
CAP = 100


class BudgetMachine(RuleBasedStateMachine):
    """Runs that share a budget begin, spend, lose their workers, are cancelled, and end."""

    ours: Installation

    def __init__(self) -> None:
        super().__init__()
        self.client = self.ours.client
        self.client.flushall()
        self.ledger = self.ours.ledger
        self.budget = Budget(name="team:x", tokens=f"{CAP}/d", runs="7/d")
        self.ours.budgets.set(self.budget.to_dict())
        self.left: dict[str, int] = {}
        self.spent = 0
        self.extra: dict[str, int] = {}

    def run(self, which: str) -> RunRecord | None:
        return self.ledger.get(which)

    @rule(which=ids, expected=st.one_of(st.just(UNKNOWN), st.integers(0, 120)))
    def enter(self, which: str, expected: int) -> None:
        if which not in self.left:
            self.ledger.dispatch(a_run(which, budgets=[["team:x", UNKNOWN, expected]]))
            self.left[which] = 0

    @rule(which=ids)
    def begin(self, which: str) -> None:
        run = self.run(which)
        if run is None or run.state not in WAITING_STATES:
            return
        reply = self.ledger.begin(which, run.retries + 1, worker="w", at=NOW)
        if reply.verdict is BeginVerdict.OVER_BUDGET:
            assert reply.cause == {"class": "budget", "layer": "team:x"}
            state = RunState.SKIPPED if run.attempt == 0 else RunState.LOST
            ended = self.ledger.end(run, state, at=NOW, reason=reply.problem, cause=reply.cause)
            assert ended is not None
        else:
            assert reply.verdict is BeginVerdict.BEGUN
            self.left[which] = self.reservation(which)["tokens"]

    @rule(which=ids, share=st.floats(0, 1))
    def spend(self, which: str, share: float) -> None:
        run = self.run(which)
        if run is not None and run.state is RunState.RUNNING:
            tokens = int(share * self.left[which])
            self.ledger.spend(run, usd=0, tokens=tokens)
            self.left[which] -= tokens
            self.spent += tokens

    @rule(which=ids, extra=st.integers(1, 30))
    def spend_more_than_expected(self, which: str, extra: int) -> None:
        """One run does so, and any that goes on with less than it may spend."""
        run = self.run(which)
        if run is None or run.state is not RunState.RUNNING:
            return
        if not self.extra or "lent" in self.reservation(which):
            self.ledger.spend(run, usd=0, tokens=self.left[which] + extra)
            self.spent += self.left[which] + extra
            self.left[which], self.extra[which] = 0, self.extra.get(which, 0) + extra

    @rule(which=ids, state=st.sampled_from([RunState.SUCCESS, RunState.RETRYING, RunState.FAILURE]))
    def end(self, which: str, state: RunState) -> None:
        run = self.run(which)
        if run is not None and run.state is RunState.RUNNING:
            assert self.ledger.end(run, state, at=NOW) is not None

    @rule(which=ids)
    def lose_worker(self, which: str) -> None:
        run = self.run(which)
        if run is not None and run.state is RunState.RUNNING:
            lapse(self.ours, which)
            assert self.ledger.interrupt(run, at=NOW, is_lapsed=True) is not None

    @rule(which=ids)
    def cancel(self, which: str) -> None:
        run = self.run(which)
        if run is not None and run.state in WAITING_STATES:
            assert self.ledger.end(run, RunState.CANCELLED, at=NOW) is not None

    @invariant()
    def what_is_spent_is_counted_and_passes_the_cap_by_one_runs_own_spend_at_most(self) -> None:
        tokens, runs = standings(self.client, self.budget, datetime.now(UTC))
        assert tokens.spent == self.spent
        assert tokens.spent + tokens.reserved <= CAP + max(self.extra.values(), default=0)
        assert runs.spent <= 7

    @invariant()
    def reservations_are_those_of_active_runs(self) -> None:
        held: Any = self.client.hkeys(redis_keys.budget_reserved("team:x"))
        active = [run.execution_id for run in self.ledger.get_all(held) if run.state in ACTIVE_STATES]
        assert sorted(active) == sorted(held)

    def reservation(self, which: str) -> dict[str, int]:
        held: Any = self.client.hget(redis_keys.budget_reserved("team:x"), which)
        left: dict[str, int] = json.loads(held)
        return left

    def teardown(self) -> None:
        for run in self.ledger.get_all(self.left):
            if not run.state.is_final:
                state = RunState.SUCCESS if run.state is RunState.RUNNING else RunState.CANCELLED
                assert self.ledger.end(run, state, at=NOW) is not None
        assert self.client.exists(redis_keys.budget_reserved("team:x")) == 0


def test_no_order_of_events_leaks_a_reservation_or_passes_a_cap(installation: Installation) -> None:
    BudgetMachine.ours = installation
    few = settings(max_examples=25, stateful_step_count=30, deadline=None)
    run_state_machine_as_test(BudgetMachine, settings=few)
