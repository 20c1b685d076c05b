"""Named limits: scripts decide as the pure functions do; no order of events leaks or passes a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from mission_control.ledger.claims import BeginVerdict
from mission_control.ledger.run_reader import parts_of_runs
from mission_control.model.policies import limits
from mission_control.model.runs.run_state import WAITING_STATES, RunState
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import with_rights
from tests.samples.ledger_runs import NOW, a_run, lapse

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.model.runs.run_record import RunRecord

# As in Redis, times are Unix seconds with microseconds, and a rate has whole numbers.
instants = st.integers(0, 4_000_000_000_000_000).map(lambda micros: micros / 1_000_000)
intervals = st.fractions(0, 86_400, max_denominator=1_000).map(float)
counts = st.integers(1, 1_000_000)

IDS = [f"{task}@{at}" for task in "ab" for at in range(4)]
SOON = 1_000
"""The parked messages of woken runs have numbers below this as their times."""

ids = st.sampled_from(IDS)


@given(counts, st.integers(0, 10**6), st.integers(0, 10**6), counts, instants, instants, intervals, counts)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_scripts_decide_about_slots_rates_and_turns_as_the_pure_functions_do(  # noqa: PLR0913, PLR0917
    installation: Installation,
    concurrency: int,
    used: int,
    called: int,
    weight: int,
    arrival: float,
    now: float,
    interval: float,
    burst: int,
) -> None:
    def said(name: str, *args: float) -> float:
        call = f"return string.format('%.17g', limits().{name}({', '.join(map(repr, args))}))"
        return float(str(installation.client.eval(with_rights(call, modules), 1, "key")))

    modules = parts_of_runs("limits")["modules"]
    fits = f"return limits().fits({concurrency}, {used}, {called}, {weight}) and 1 or 0"
    answer = installation.client.eval(with_rights(fits, modules), 1, "key")
    assert bool(answer) == limits.fits(concurrency, used=used, called=called, weight=weight)
    rate: dict[str, Any] = {"interval": interval, "burst": burst}
    start = limits.next_start(arrival, now, weight=weight, **rate)
    assert said("next_start", arrival, now, interval, burst, weight) == pytest.approx(start)
    after = limits.arrival_after(arrival, now, interval=interval, weight=weight)
    assert said("arrival_after", arrival, now, interval, weight) == pytest.approx(after)
    paused = limits.arrival_after_cooldown(arrival, now, **rate)
    assert said("arrival_after_cooldown", arrival, now, interval, burst) == pytest.approx(paused)
    assert said("next_turn", used, called) == limits.next_turn(used, called)


@given(st.lists(st.tuples(st.floats(0, 20), st.integers(1, 4)), max_size=40), st.integers(1, 5))
def test_runs_that_begin_when_the_rate_says_never_pass_it(
    requests: list[tuple[float, int]], burst: int
) -> None:
    arrival, now, begun = 0.0, 100.0, list[tuple[float, int]]()
    for pause, weight in requests:
        now += pause
        start = limits.next_start(arrival, now, interval=2.0, burst=burst, weight=weight)
        arrival = limits.arrival_after(arrival, start, interval=2.0, weight=weight)
        now = start
        begun.append((start, weight))
    for at, (since, _) in enumerate(begun):
        for until, _ in begun[at:]:
            taken = sum(weight for moment, weight in begun if since <= moment <= until)
            heaviest = max(weight for moment, weight in begun if since <= moment <= until)
            assert taken <= max(burst, heaviest) + heaviest - 1 + (until - since) / 2.0 + 1e-6


class LimitMachine(RuleBasedStateMachine):
    """Runs that share a limit begin, end, lose their workers and are cancelled, and the limit changes."""

    ours: Installation

    def __init__(self) -> None:
        super().__init__()
        self.client = self.ours.client
        self.client.flushall()
        self.ledger = self.ours.ledger
        self.concurrency = 2
        self.ours.limits.set({"name": "api", "concurrency": 2})
        self.weights: dict[str, int] = {}
        self.has_lapsed = False

    def in_states(self, *states: RunState) -> list[RunRecord]:
        found = self.ledger.get_all(self.weights)
        return [run for run in found if run.state in states]

    @rule(which=ids, weight=st.integers(1, 3))
    def enter(self, which: str, weight: int) -> None:
        if which not in self.weights:
            self.ledger.dispatch(a_run(which, limits=[["api", weight]]))
            self.weights[which] = weight

    @rule(which=ids)
    def begin(self, which: str) -> None:
        run = self.ledger.get(which)
        if run is not None and run.state in WAITING_STATES:
            verdict = self.ledger.begin(which, run.retries + 1, worker="w", at=NOW).verdict
            assert verdict in {BeginVerdict.BEGUN, BeginVerdict.LIMITED}
            if verdict is BeginVerdict.BEGUN:
                assert self.held()[""] <= self.concurrency

    @rule(which=st.integers(0, 9), state=st.sampled_from([RunState.SUCCESS, RunState.RETRYING]))
    def end(self, which: int, state: RunState) -> None:
        for run in self.in_states(RunState.RUNNING)[which : which + 1]:
            assert self.ledger.end(run, state, at=NOW) is not None

    @rule(which=st.integers(0, 9))
    def lose_worker(self, which: int) -> None:
        for run in self.in_states(RunState.RUNNING)[which : which + 1]:
            lapse(self.ours, run.execution_id)
            assert self.ledger.interrupt(run, at=NOW, is_lapsed=True) is not None

    @rule(which=st.integers(0, 9))
    def cancel(self, which: int) -> None:
        for run in self.in_states(*WAITING_STATES)[which : which + 1]:
            assert self.ledger.end(run, RunState.CANCELLED, at=NOW) is not None

    @rule(concurrency=st.integers(1, 4))
    def change(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self.ours.limits.set({"name": "api", "concurrency": concurrency})

    @rule()
    def let_calls_lapse(self) -> None:
        called = redis_keys.LimitKeys("api").of("called")
        members: Any = self.client.zrange(called, 0, -1)
        for member in members:
            self.client.zadd(called, {member: 1})
            self.has_lapsed = True

    @invariant()
    def slots_are_those_of_running_runs(self) -> None:
        held = self.held()
        running = {run.execution_id for run in self.in_states(RunState.RUNNING)}
        assert held.keys() - {"", "@"} == running
        assert held.get("", 0) == sum(weight for run, weight in held.items() if run not in {"", "@"})

    @invariant()
    def run_that_waits_for_the_limit_is_parked(self) -> None:
        for run in self.in_states(*WAITING_STATES):
            if run.limited_by is not None:
                assert self.client.zscore(redis_keys.PARKED, run.execution_id) is not None
                assert self.client.hexists(redis_keys.PARKED_PAYLOADS, run.execution_id)

    def teardown(self) -> None:
        """Let all runs end: each that ends wakes the next, without a look after a minute."""
        for which in self.weights:
            self.begin(which)
        for _ in range(4 * len(IDS)):
            for run in self.in_states(RunState.RUNNING):
                self.ledger.end(run, RunState.SUCCESS, at=NOW)
            parked: Any = self.client.zrange(redis_keys.PARKED, 0, -1, withscores=True)
            woken = [one for one, score in parked if score < SOON]
            if not self.in_states(*WAITING_STATES):
                assert self.client.keys("mc:limits:*") == []
                return
            assert woken or self.has_lapsed
            for which, _ in parked:
                if which in woken or not woken:
                    self.begin(which)
        raise AssertionError(f"some runs never end: {self.in_states(*WAITING_STATES)}")

    def held(self) -> dict[str, float]:
        stored: Any = self.client.hgetall(redis_keys.LimitKeys("api").of("slots"))
        return {run: float(weight) for run, weight in stored.items()}


def test_no_order_of_events_leaks_a_slot_passes_the_limit_or_leaves_a_run_behind(
    installation: Installation,
) -> None:
    LimitMachine.ours = installation
    run_state_machine_as_test(
        LimitMachine, settings=settings(max_examples=40, stateful_step_count=25, deadline=None)
    )
