"""Debounced requests: many calls within a short time become one run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from beat.follow_up.parking import release_parked
from mission_control.audit.endings import ending_record
from mission_control.dispatch.enqueue import Dispatch, RunOptions
from mission_control.dispatch.run_control import RunControl
from mission_control.errors import InvalidTaskError
from mission_control.ledger.claims import BeginVerdict
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from tests.processes.minutely import NINE, Day
from tests.stage.command_line import mc

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.dispatch.run_handle import Run
    from mission_control.installation.installation import Installation
    from mission_control.model.runs.run_record import RunRecord

HELLO = "handlers.hello.run"


class World(Day):
    """A day with calls at seconds after nine."""

    def call(self, second: float, number: int, name: str = HELLO, **debounce: Any) -> Run:
        self.now = NINE + timedelta(seconds=second)
        window: Any = {"key": "tea", "delay": 10, **debounce}
        return Dispatch.of(self.ours).enqueue(name, {"n": number}, RunOptions(debounce=window))

    def run(self, run: Run) -> RunRecord:
        found = self.ours.ledger.get(run.execution_id)
        assert found is not None
        return found

    def due(self, run: Run) -> float:
        return (self.run(run).due_at - NINE).total_seconds()

    def release(self, second: float) -> list[str]:
        """Have beat release what is due, and return what it is about to send."""
        self.now = NINE + timedelta(seconds=second)
        release_parked(self.ours.client, self.now)
        return cast("list[str]", self.ours.client.lrange(redis_keys.OUTBOX, 0, -1))

    def queued(self) -> list[str]:
        return cast("list[str]", self.ours.client.lrange("default", 0, -1))


@pytest.fixture
def world(installation: Installation, tmp_path: Path) -> World:
    return World(installation.redis_url, tmp_path / "data")


def test_trailing_calls_become_one_run_of_the_last_after_the_delay(world: World) -> None:
    first = world.call(0, 1)
    assert (world.due(first), world.run(first).calls, first.created) == (10, 1, True)
    calls = [world.call(second, number) for number, second in enumerate((4, 9, 18.5), start=2)]
    assert {one.execution_id for one in calls} == {first.execution_id}
    assert not any(one.created for one in calls)
    run = world.run(first)
    assert (run.params, run.calls, world.due(first)) == ({"n": 4}, 4, 28.5)
    assert run.scheduled_time == NINE + timedelta(seconds=28.5)
    assert world.ours.ledger.active_count() == 1
    assert world.ours.client.zscore(redis_keys.PARKED, first.execution_id) == run.due_at.timestamp()
    assert ending_record(replace(run, state=RunState.CANCELLED), at=world.now).to_dict()["calls"] == 4


def test_trailing_run_starts_at_the_latest_after_the_longest_delay(world: World) -> None:
    run = world.call(0, 1, max_delay=25)
    for number, second in enumerate((9, 18, 24), start=2):
        world.call(second, number, max_delay=25)
    assert (world.due(run), world.run(run).params) == (25, {"n": 4})
    assert world.call(25, 5, max_delay=25).created


def test_started_window_is_followed_by_another(world: World) -> None:
    first = world.call(0, 1)
    assert world.release(9.9) == []
    assert world.release(10) == [first.execution_id]
    second = world.call(10.1, 2)
    assert second.created
    assert (world.run(first).params, world.run(first).calls) == ({"n": 1}, 1)


@pytest.mark.parametrize("how", ["cancelled", "started now"])
def test_window_whose_run_no_longer_waits_is_over(world: World, how: str) -> None:
    first, control = world.call(0, 1), RunControl.of(world.ours)
    if how == "cancelled":
        control.cancel(first.execution_id, reason="not needed")
    else:
        control.run_now(first.execution_id)
    assert world.call(1, 2).created
    assert world.run(first).params == {"n": 1}


def test_leading_call_runs_at_once_and_those_in_its_window_are_existing(world: World) -> None:
    edge: Any = {"edge": "leading", "max_delay": 15}
    first = world.call(0, 1, **edge)
    assert (world.due(first), first.created) == (0, True)
    assert first.execution_id in world.queued()[0]
    for number, second in enumerate(
        (9, 14.5), start=2
    ):  # the second one is late for the first, not for the last
        one = world.call(second, number, **edge)
        assert (one.execution_id, one.created) == (first.execution_id, False)
    assert (world.run(first).params, world.run(first).calls) == ({"n": 1}, 3)
    assert len(world.queued()) == 1
    assert world.call(15, 4, **edge).created


def test_key_of_another_handler_or_task_is_refused_and_enters_nothing(world: World) -> None:
    world.call(0, 1)
    for name in ("a", "handlers.test_handler.run"):
        for edge in ("leading", "trailing"):
            with pytest.raises(InvalidTaskError, match=r"debounce.key: 'tea' is that of run handlers.hello"):
                world.call(1, 2, name, edge=edge)
    assert world.ours.ledger.active_count() == 1


def test_options_of_the_last_call_hold_and_a_task_counts_one_active_run(world: World) -> None:
    dispatch = Dispatch.of(world.ours)
    world.register("b", overlap="skip", params={"x": 1})
    for priority in (3, 7):
        options = RunOptions(debounce={"key": "k", "delay": 60}, priority=priority, expires=30)
        one = dispatch.enqueue("b", {"n": priority}, options)
    run = world.run(one)
    assert (run.priority, run.params, run.calls) == (7, {"x": 1, "n": 7}, 2)
    assert run.expires_at == run.due_at + timedelta(seconds=30)
    assert world.ours.client.zcard(redis_keys.other_active_of_task("b")) == 1


def test_superseded_run_is_signed_as_it_is(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISSION_CONTROL_SIGNING_KEY", "k" * 64)
    world = World(installation.redis_url, tmp_path / "data")
    world.call(0, 1)
    run = world.call(5, 2)
    assert world.ours.ledger.signature_problem(run.execution_id) is None
    assert world.release(15) == [run.execution_id]
    reply = world.ours.ledger.begin(run.execution_id, 1, worker="w", at=world.now, early_by=None)
    assert reply.verdict is BeginVerdict.BEGUN
    assert reply.run is not None
    assert reply.run.params == {"n": 2}


def test_calls_at_once_from_many_threads_become_one_run(world: World) -> None:
    def call(number: int) -> str:
        window: Any = {"key": "tea", "delay": 10}
        return Dispatch.of(world.ours).enqueue(HELLO, {"n": number}, RunOptions(debounce=window)).execution_id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(call, range(64)))
    assert len(ids) == 1
    (run,) = world.ours.ledger.runs_of(HELLO)
    assert (run.calls, run.state) == (64, RunState.DISPATCHED)


def test_command_line_debounces_and_shows_for_how_many_calls_a_run_stands(installation: Installation) -> None:
    options = ("--debounce-key", "tea", "--debounce-delay", "600", "--json")
    first, second = (mc("enqueue", HELLO, "--params", f'{{"n": {n}}}', *options) for n in (1, 2))
    assert first.json["execution_id"] == second.json["execution_id"]
    assert "was there already, for 2 calls now" in second.err
    assert "due in 10 min, 2 calls" in mc("run", "list").out.replace("\n", " ")
    assert mc("run", "show", first.json["execution_id"], "--json").json["calls"] == 2
    assert "debounce.delay: it is missing" in mc("enqueue", HELLO, "--debounce-key", "tea").err
    assert installation.ledger.active_count() == 1
