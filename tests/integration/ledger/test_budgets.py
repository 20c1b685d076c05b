"""What runs spend and reserve, in the ledger's scripts on a real server.

This file has more than 250 lines because each way in which runs spend and reserve is one test of it.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.errors import InvalidSpendError
from mission_control.ledger.claims import BeginVerdict
from mission_control.model.definitions.named_budget import UNKNOWN
from mission_control.model.runs.run_state import RunState
from mission_control.operate.budgets import Standing, standings
from mission_control.store import redis_keys
from tests.samples.ledger_runs import NOW, a_run, begun, lapse
from workers.call.context_calls import spend_for

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.model.runs.run_record import RunRecord

DOLLAR = 1_000_000_000


class Spending:
    """A ledger whose runs have a budget."""

    def __init__(self, installation: Installation) -> None:
        self.ours = installation
        self.ledger = installation.ledger
        self.client = installation.client

    def budget(self, name: str = "team:x", **caps: str) -> None:
        self.ours.budgets.set({"name": name, **caps})

    def enter(self, *ids: str, usd: int = UNKNOWN, tokens: int = UNKNOWN, name: str = "team:x") -> None:
        for one in ids:
            self.ledger.dispatch(a_run(one, budgets=[[name, usd, tokens]]))

    def begin(self, execution_id: str) -> BeginVerdict:
        return self.ledger.begin(execution_id, 1, worker="w", at=NOW).verdict

    def begun(self, execution_id: str, attempt: int = 1) -> RunRecord:
        return begun(self.ledger, execution_id, attempt)

    def end(self, run: RunRecord, state: RunState = RunState.SUCCESS) -> RunRecord:
        ended = self.ledger.end(run, state, at=NOW)
        assert ended is not None
        return ended

    def stands(self, name: str = "team:x") -> Standing:
        return standings(self.client, self.ours.budgets.get(name), datetime.now(UTC))[0]


@pytest.fixture
def world(installation: Installation) -> Spending:
    return Spending(installation)


@pytest.mark.parametrize(
    ("amounts", "said"),
    [
        ({"usd": -1}, "usd=-1 is no number between 0 and 1,000,000"),
        ({"usd": "3"}, "usd='3' is no number"),
        ({"usd": True}, "usd=true is no number"),
        ({"usd": float("nan")}, "usd=nan is no number"),
        ({"usd": float("inf")}, "usd=inf is no number"),
        ({"usd": None}, "usd=null is no number"),
        ({"usd": 10**400}, "is no number"),
        ({"tokens": 1.5}, "tokens=1.5 is no whole number between 0 and 1,000,000,000,000"),
        ({"tokens": -1}, "tokens=-1 is no whole number"),
        ({"usd": 1, "tokens": "many"}, "tokens='many' is no whole number"),
    ],
    ids=repr,
)
def test_spend_that_is_no_amount_is_refused_and_nothing_is_counted(
    world: Spending, amounts: dict[str, Any], said: str
) -> None:
    world.budget(usd="5/d", tokens="100/d")
    world.enter("a@1")
    run = world.begun("a@1")
    before = world.client.dbsize(), world.client.hgetall(redis_keys.run("a@1"))
    with pytest.raises(InvalidSpendError, match="spend") as refused:
        spend_for(run, world.ledger)(**amounts)
    assert said in str(refused.value)
    assert (world.client.dbsize(), world.client.hgetall(redis_keys.run("a@1"))) == before


def test_spend_counts_at_once_over_all_attempts_and_says_whether_something_is_left(world: Spending) -> None:
    world.budget(usd="1/d")
    world.enter("a@1", usd=DOLLAR // 2)
    first = world.begun("a@1")
    assert spend_for(first, world.ledger)(usd=0.1)
    assert (world.stands().spent, world.stands().reserved) == (DOLLAR // 10, 4 * DOLLAR // 10)
    world.end(first, RunState.RETRYING)
    assert world.stands().reserved == 4 * DOLLAR // 10
    second = world.begun("a@1", attempt=2)
    spend = spend_for(second, world.ledger)
    assert spend(usd=0.4, tokens=30)
    assert spend(usd=0.25)
    assert not spend(usd=0.25)
    ended = world.end(second)
    assert ended.spent == {"usd": 1.0, "tokens": 30}
    assert (world.stands().spent, world.stands().reserved) == (DOLLAR, 0)


def test_worker_that_lost_its_run_still_spends(world: Spending) -> None:
    world.budget(usd="5/d")
    world.enter("a@1", usd=DOLLAR)
    zombie = world.begun("a@1")
    lapse(world.ours)
    again = world.begun("a@1")
    spend_for(zombie, world.ledger)(usd=0.5)
    spend_for(again, world.ledger)(usd=0.5)
    assert world.end(again).spent_usd == 1.0
    world.client.delete(redis_keys.run("a@1"))
    spend_for(zombie, world.ledger)(usd=0.25)
    assert world.stands().spent == 5 * DOLLAR // 4
    assert world.client.exists(redis_keys.run("a@1"), redis_keys.budget_reserved("team:x")) == 0


def test_run_that_is_over_budget_does_not_begin_and_says_why(world: Spending) -> None:
    world.budget(usd="5/d")
    world.enter("a@1", "a@2", "a@3", usd=2 * DOLLAR)
    running = [world.begun("a@1"), world.begun("a@2")]
    reply = world.ledger.begin("a@3", 1, worker="w", at=NOW)
    assert reply.verdict is BeginVerdict.OVER_BUDGET
    assert reply.problem == (
        "over budget team:x: 0 of 5/d usd spent, 4 reserved; frees when the runs end that have reserved it"
    )
    assert reply.cause == {"class": "budget", "layer": "team:x"}
    for run in running:
        world.ledger.spend(run, usd=2 * DOLLAR, tokens=0)
        world.end(run)
    reply = world.ledger.begin("a@3", 1, worker="w", at=NOW)
    assert str(reply.problem).startswith("over budget team:x: 4 of 5/d usd spent; frees at 20")


def test_reservation_of_a_run_of_unknown_cost_is_all_that_is_left_until_one_has_ended(
    world: Spending,
) -> None:
    world.budget(usd="5/d")
    world.enter("a@1", "a@2", "a@3", "b@1")
    first = world.begun("a@1")
    assert world.stands().reserved == 5 * DOLLAR
    assert world.begin("a@2") is BeginVerdict.OVER_BUDGET
    world.ledger.spend(first, usd=DOLLAR, tokens=0)
    world.end(first)
    world.begun("a@2")
    world.begun("a@3")
    assert world.stands().reserved == 2 * DOLLAR  # as much as the first has spent, each
    world.begun("b@1")
    assert world.stands().reserved == 4 * DOLLAR


def test_failure_that_spent_nothing_teaches_nothing(world: Spending) -> None:
    world.budget(usd="5/d")
    world.enter("a@1", "a@2")
    world.end(world.begun("a@1"), RunState.FAILURE)
    world.begun("a@2")
    assert world.stands().reserved == 5 * DOLLAR


def test_runs_that_lost_their_workers_spend_twice_only_as_far_as_the_budget_has_room(world: Spending) -> None:
    world.budget(tokens="100/d")
    ids = [f"a@{at}" for at in range(8)]
    world.enter(*ids, tokens=10)
    for one in ids:
        world.ledger.spend(world.begun(one), usd=0, tokens=10)
        lapse(world.ours, one)
    verdicts = Counter(world.begin(one) for one in ids)
    # The budget has room for two, and a third passes it by what it spends itself.
    assert verdicts == {BeginVerdict.BEGUN: 3, BeginVerdict.OVER_BUDGET: 5}
    for run in world.ledger.get_all(ids):
        if run.deliveries == 2:
            world.ledger.spend(run, usd=0, tokens=10)
        world.end(run, RunState.SUCCESS if run.deliveries == 2 else RunState.LOST)
    assert (world.stands().spent, world.stands().reserved) == (110, 0)


def test_failed_attempts_are_followed_by_others_while_their_reservation_suffices(world: Spending) -> None:
    world.budget(tokens="100/d")
    world.enter("a@1", "a@2", tokens=50)
    for one, spent in (("a@1", 25), ("a@2", 30)):
        run = world.begun(one)
        world.ledger.spend(run, usd=0, tokens=spent)
        world.end(run, RunState.RETRYING)
    assert world.ledger.begin("a@1", 2, worker="w", at=NOW).verdict is BeginVerdict.BEGUN
    assert world.ledger.begin("a@2", 2, worker="w", at=NOW).verdict is BeginVerdict.BEGUN  # what it has left
    assert world.stands().holders == {"a@1": "25 tokens", "a@2": "20 tokens"}
    world.enter("a@3", tokens=10)
    assert world.begin("a@3") is BeginVerdict.OVER_BUDGET


def test_cancelled_run_gives_back_what_it_reserved(world: Spending) -> None:
    world.budget(usd="5/d", runs="1/d")
    world.enter("a@1", "a@2", usd=DOLLAR)
    world.end(world.begun("a@1"), RunState.CANCELLED)
    assert world.stands().reserved == 0
    assert world.begin("a@2") is BeginVerdict.OVER_BUDGET  # it has begun, so it counts as a run


def test_run_that_its_condition_skips_does_not_count_as_a_run(world: Spending) -> None:
    world.budget(runs="1/d")
    world.enter("a@1", "a@2")
    world.end(world.begun("a@1"), RunState.SKIPPED)
    assert world.begin("a@2") is BeginVerdict.BEGUN


def test_reservation_of_a_run_that_another_program_deleted_is_found_by_the_next(world: Spending) -> None:
    world.budget(usd="1/d")
    world.enter("a@1", "a@2", usd=DOLLAR)
    world.begun("a@1")
    world.client.delete(redis_keys.run("a@1"))
    assert world.begin("a@2") is BeginVerdict.BEGUN


def test_overwritten_key_of_a_budget_keeps_no_run_from_ending(world: Spending) -> None:
    world.budget(usd="1/d")
    world.enter("a@1", usd=DOLLAR)
    run = world.begun("a@1")
    world.client.set(redis_keys.budget_reserved("team:x"), "something else")
    assert world.end(run).state is RunState.SUCCESS


def test_removed_budget_lets_runs_start_and_remembers_what_was_spent(world: Spending) -> None:
    world.budget(usd="1/d")
    world.enter("a@1", "a@2", "a@3", usd=DOLLAR)
    first = world.begun("a@1")
    world.ledger.spend(first, usd=DOLLAR, tokens=0)
    world.ours.budgets.remove("team:x")
    assert world.begin("a@2") is BeginVerdict.BEGUN
    world.end(first)
    world.budget(usd="1/d")
    assert world.begin("a@3") is BeginVerdict.OVER_BUDGET
    assert world.client.exists(redis_keys.budget_reserved("team:x")) == 0


def test_run_without_budgets_asks_redis_about_none_and_one_costs_a_bounded_number_of_commands(
    world: Spending,
) -> None:
    def calls(execution_id: str, *, has_budget: bool) -> int:
        world.ledger.dispatch(a_run(execution_id, budgets=[["team:x", 1, UNKNOWN]] if has_budget else None))
        before = count()
        world.end(world.begun(execution_id))
        return count() - before

    def count() -> int:
        stats: Any = world.client.info("commandstats")
        return sum(one["calls"] for name, one in stats.items() if name != "cmdstat_info")

    world.budget(usd="1000/d")
    for warm in ("w@1", "w@2"):
        calls(warm, has_budget=warm == "w@2")
    plain, budgeted = calls("a@1", has_budget=False), calls("a@2", has_budget=True)
    assert 0 < budgeted - plain <= 13
    world.client.set(redis_keys.BUDGETS, "which would be an error, if it were read")
    calls("a@3", has_budget=False)
