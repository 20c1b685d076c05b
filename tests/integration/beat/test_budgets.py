"""Budgets, with beat driven by a clock of the test's on a real server."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from celery.exceptions import Ignore

from mission_control.dispatch.enqueue import Dispatch
from mission_control.dispatch.run_ending import RunEnding
from mission_control.model.runs.run_state import RunState
from mission_control.notifications.notifier import Notifier
from mission_control.operate.budgets import Standing, standings
from mission_control.store import redis_keys
from tests.processes.minutely import Day
from tests.stage.audit_stream import final_records_of
from workers.attempt.claim import Claimer

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.model.runs.run_record import RunRecord
    from tests.stage.servers import RedisServer

DOLLAR = 1_000_000_000
HALF = {"name": "team:x", "usd": 0.5}
ASKS = {"on": ["budget"], "to": ["ops"]}


@pytest.fixture
def day(redis_server: RedisServer, tmp_path: Path) -> Day:
    with redis_server.client() as client:
        client.flushall()
    return Day(redis_server.url, tmp_path)


def stands(day: Day, unit: str = "usd") -> Standing:
    ours = day.ours
    found = standings(ours.client, ours.budgets.get("team:x"), datetime.now(UTC))
    return next(one for one in found if one.unit == unit)


def run_of(day: Day, minute: int, task_id: str = "b") -> RunRecord:
    run = day.ours.ledger.get(f"{task_id}@20260302T09{minute:02}00Z")
    assert run is not None
    return run


def begun(day: Day, run: RunRecord) -> RunRecord:
    begun = day.ours.ledger.begin(run.execution_id, run.attempt + 1, worker="w", at=day.now).run
    assert begun is not None
    return begun


def let_an_hour_pass(day: Day) -> None:
    """Put what was spent an hour back."""
    key = redis_keys.budget_spent("team:x")
    stored: Any = day.ours.client.hgetall(key)
    for field, amount in stored.items():
        unit, _, end = field.rpartition(":")
        if unit == "usd":
            day.ours.client.hdel(key, field)
            day.ours.client.hset(key, f"usd:{int(end) - 3_700}", amount)


def notices(day: Day) -> list[dict[str, Any]]:
    found: Any = day.ours.client.lrange(redis_keys.NOTICES, 0, -1)
    return [json.loads(text) for text in found]


def test_occurrence_over_budget_is_skipped_with_budget_amounts_and_time_and_the_next_runs_by_itself(
    day: Day,
) -> None:
    day.ours.budgets.set({"name": "team:x", "usd": "1/h"})
    day.register("b", budgets=[HALF])
    day.register("c", after=[{"task": "b"}], schedule=None)
    day.to(3.5)
    assert day.states("b") == "DDS"
    assert stands(day).reserved == DOLLAR
    for minute in (1, 2):
        run = begun(day, run_of(day, minute))
        day.ours.ledger.spend(run, usd=DOLLAR // 2, tokens=0)
        RunEnding.of(day.ours).end(run, RunState.SUCCESS, at=day.now)
    day.to(4)
    assert str(run_of(day, 4).reason).startswith("over budget team:x: 1 of 1/h usd spent; frees at 20")
    let_an_hour_pass(day)
    day.to(5.5)
    assert run_of(day, 5).state is RunState.DISPATCHED
    skipped = run_of(day, 3)
    assert skipped.cause == {"class": "budget", "layer": "team:x"}
    (record,) = [
        one for one in final_records_of(day.ours, "b") if one["execution_id"] == skipped.execution_id
    ]
    assert (record["status"], record["cause"]) == ("skipped", {"class": "budget", "layer": "team:x"})
    assert record["reason"] == (
        "over budget team:x: 0 of 1/h usd spent, 1 reserved; frees when the runs end that have reserved it"
    )
    day.beat._downstream.fire(lambda: day.now, most_seconds=math.inf)
    day.beat.fire_due(day.now)
    downstream = final_records_of(day.ours, "c")
    caused = [one for one in downstream if one["status"] == "skipped"]
    assert caused[0]["cause"] == {
        "class": "upstream",
        "run": skipped.execution_id,
        "layer": "team:x",
        "outcome": "budget",
    }


def test_occurrences_of_one_batch_share_a_budget_and_count_as_runs(day: Day) -> None:
    day.ours.budgets.set({"name": "team:x", "runs": "3/d"})
    for task_id in "bcdef":
        day.register(task_id, budgets=["team:x"])
    day.to(1)
    assert sorted(day.states(one) for one in "bcdef") == ["D", "D", "D", "S", "S"]
    assert stands(day, "runs").spent == 3
    fired = next(one for one in "bcdef" if day.states(one) == "D")
    RunEnding.of(day.ours).end(run_of(day, 1, fired), RunState.CANCELLED, at=day.now)
    assert stands(day, "runs").spent == 2  # it never began


def test_waiting_run_that_is_displaced_gives_back_what_it_reserved(day: Day) -> None:
    day.ours.budgets.set({"name": "team:x", "usd": "100/d", "runs": "100/d"})
    day.register("b", budgets=[HALF], overlap="queue_latest")
    day.to(6)
    assert day.states("b") == "DSSSSD"
    assert (stands(day).reserved, stands(day, "runs").spent) == (DOLLAR, 2)


def test_request_over_budget_is_skipped_as_it_begins_with_the_same_record(day: Day) -> None:
    day.ours.budgets.set({"name": "team:x", "runs": "1/d"})
    day.register("b", budgets=["team:x"])
    day.to(1)
    run_id = Dispatch.of(day.ours).enqueue("b").execution_id
    reply = day.ours.ledger.begin(run_id, 1, worker="w", at=day.now)
    assert (reply.verdict, reply.cause) == ("over_budget", {"class": "budget", "layer": "team:x"})
    assert "1 of 1/d runs spent; frees at" in str(reply.problem)


def test_fired_run_does_not_begin_once_others_have_spent_more_than_they_had_reserved(day: Day) -> None:
    day.ours.budgets.set({"name": "team:x", "usd": "1/h", "runs": "9/h"})
    day.register("b", budgets=[HALF])
    day.to(2)
    assert (day.states("b"), stands(day).reserved, stands(day, "runs").spent) == ("DD", DOLLAR, 2)
    spender, ending = begun(day, run_of(day, 1)), RunEnding.of(day.ours)
    day.ours.ledger.spend(spender, usd=DOLLAR // 2, tokens=0)
    waiting = run_of(day, 2)
    day.ours.ledger.spend(spender, usd=1, tokens=0)
    reply = day.ours.ledger.begin(waiting.execution_id, 1, worker="w", at=day.now)
    assert (reply.verdict, reply.cause) == ("over_budget", {"class": "budget", "layer": "team:x"})
    assert "0.500000001 of 1/h usd spent; frees at" in str(reply.problem)
    ending.close(waiting, RunState.SKIPPED, reply.problem, cause=reply.cause)
    assert (stands(day).reserved, stands(day, "runs").spent) == (0, 1)
    ending.end(spender, RunState.SUCCESS, at=day.now)


@pytest.mark.parametrize(("before", "after"), [("retrying", "failure"), ("interrupted", "lost")])
def test_further_attempt_that_a_budget_does_not_allow_ends_the_run_with_the_budget_as_cause(
    day: Day, before: str, after: str
) -> None:
    day.ours.budgets.set({"name": "team:x", "usd": "1/h"})
    day.register("b", budgets=[HALF])
    day.to(2)
    run, _ = begun(day, run_of(day, 1)), begun(day, run_of(day, 2))
    day.ours.ledger.spend(run, usd=6 * DOLLAR // 10, tokens=0)
    if before == "retrying":
        RunEnding.of(day.ours).end(run, RunState.RETRYING, at=day.now)
    else:
        RunEnding.of(day.ours).interrupt(run)
    request = SimpleNamespace(
        id=run.execution_id, retries=int(before == "retrying"), hostname="w", is_eager=True
    )
    message: Any = SimpleNamespace(name=run.handler, request=request)
    nothing: Any = None
    with pytest.raises(Ignore):
        Claimer(RunEnding.of(day.ours), nothing).claim(message)
    record = final_records_of(day.ours, "b")[-1]
    assert (record["status"], record["attempt"], record["spent"]) == (after, 1, {"usd": 0.6})
    assert record["cause"] == {"class": "budget", "layer": "team:x"}
    assert record["reason"].startswith("over budget team:x: 0.6 of 1/h usd spent, 0.5 reserved; frees")


def test_mean_of_the_last_runs_is_reserved_for_the_next_occurrence(day: Day) -> None:
    day.ours.budgets.set({"name": "team:x", "usd": "5/d"})
    day.register("b", budgets=["team:x"])
    day.to(1)
    assert stands(day).reserved == 5 * DOLLAR
    run = begun(day, run_of(day, 1))
    day.ours.ledger.spend(run, usd=DOLLAR, tokens=0)
    RunEnding.of(day.ours).end(run, RunState.SUCCESS, at=day.now)
    day.to(3)
    assert (day.states("b"), stands(day).reserved) == ("SDD", 2 * DOLLAR)


def test_key_of_a_budget_that_was_overwritten_keeps_only_its_tasks_from_firing(day: Day) -> None:
    day.ours.budgets.set({"name": "team:x", "usd": "5/d"})
    day.register("b", budgets=["team:x"])
    day.ours.client.set(redis_keys.budget_spent("team:x"), "something else")
    day.to(1)
    assert (day.states("b"), day.states("a")) == ("", "D")


def test_each_mark_of_a_budget_is_noted_once_and_reported_to_the_tasks_that_ask(day: Day) -> None:
    ours = day.ours
    ours.budgets.set({"name": "team:x", "usd": "1/d"})
    for task_id, more in {"b": {"notify": ASKS}, "c": {"notify": ASKS}, "d": {}}.items():
        day.register(task_id, budgets=[{"name": "team:x", "usd": 0}], **more)
    day.to(1)
    run = begun(day, run_of(day, 1))
    for part in (0.5, 0.3, 0.1):
        ours.ledger.spend(run, usd=int(part * DOLLAR), tokens=0)
    assert [one["cause"] for one in notices(day)] == ["team:x usd 80"]
    ours.ledger.spend(run, usd=DOLLAR, tokens=0)
    day.to(3)
    assert [one["cause"] for one in notices(day)] == ["team:x usd 80", "team:x usd 100"]
    leader = str(ours.client.get(redis_keys.BEAT_LEADER))
    notifier = Notifier(ours.client, ours.ledger, ours.celery, lambda: ours.registry, ours.clock, "q", leader)
    notifier._decide(most=100)
    texts: Any = ours.client.lrange(redis_keys.NOTIFICATIONS, 0, -1)
    titles = [json.loads(text)[2] for text in texts]
    assert titles == [
        "2 tasks use a budget: budget team:x is nearly used up: 0.8 of 1/d usd spent",
        "2 tasks use a budget: budget team:x is used up: 1.9 of 1/d usd spent",
    ]
    assert ours.client.exists(redis_keys.INCIDENTS) == 0
