"""Tasks that come after others, while the graph changes and several ends meet: beat on a real server.

This file has more than 250 lines because each way in which a graph changes under its runs is one test of it.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.errors import InvalidTaskError
from mission_control.model.runs.new_run import backfill_run
from mission_control.model.runs.run_state import RunState
from mission_control.operate.apply import apply_task_file
from mission_control.store import redis_keys
from tests.processes.pipelines import ROOT, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mission_control.installation.installation import Installation


@pytest.fixture
def world(installation: Installation) -> Iterator[World]:
    world = World(installation)
    yield world
    world.beat.close()


def end_together(world: World, *ends: tuple[str, RunState]) -> None:
    """End runs before beat looks at any of them."""
    for task_id, state in ends:
        world.end(world.existing(task_id), state)
    world.fire()


@pytest.mark.parametrize("first", ["a", "z"])
def test_end_that_is_joined_counts_though_another_of_the_same_root_is_looked_at_with_it(
    world: World, first: str
) -> None:
    world.root("s")
    last = {"a": "z", "z": "a"}[first]
    for task_id in "az":
        world.task(task_id, "s")
    world.task("d", {"task": first, "within": "1h"}, last)
    world.fire(10)
    world.ends("s")
    end_together(world, ("a", RunState.SUCCESS), ("z", RunState.SUCCESS))
    assert world.existing("d").upstream == [f"{last}@after-{ROOT}", f"{first}@after-{ROOT}"]


def test_each_end_may_start_a_task_that_any_end_starts(world: World) -> None:
    world.root("s")
    for task_id in "az":
        world.task(task_id, "s")
    world.task("d", {"task": "a", "within": "1h"}, "z", join="any")
    world.fire(10)
    world.ends("s")
    end_together(world, ("a", RunState.FAILURE), ("z", RunState.SUCCESS))
    assert world.existing("d").upstream == [f"z@after-{ROOT}"]


def joined(world: World) -> None:
    """Register a join of `near`, which has ended, and of `far`, whose run does not exist yet."""
    world.root("s")
    world.task("near", "s")
    world.task("middle", "s")
    world.task("far", "middle")
    world.task("d", "near", "far")
    world.fire(10)
    world.ends("s")
    world.ends("near")
    assert world.run("d") is None


@pytest.mark.parametrize("task_id", ["middle", "far"])
@pytest.mark.parametrize("change", ["disable", "unregister"])
def test_half_a_join_is_skipped_once_the_other_half_can_no_longer_come(
    world: World, task_id: str, change: str
) -> None:
    joined(world)
    if change == "disable":
        world.ours.registry.disable(task_id)
    else:
        world.ours.registry.unregister(task_id, force=True)
    if task_id == "far":
        world.ends("middle")
    world.now += timedelta(minutes=2)
    world.fire()
    run = world.existing("d")
    gone = "disabled" if change == "disable" else "removed"
    cancelled = {"class": "upstream", "run": f"middle@after-{ROOT}", "outcome": "cancelled"}
    never = {"class": "upstream", "run": f"{task_id}@after-{ROOT}", "outcome": gone}
    assert run.state is RunState.SKIPPED
    assert run.cause == (cancelled if task_id == "middle" else never)
    (record,) = world.records("d")
    assert record["cause"] == run.cause
    world.now += timedelta(minutes=2)  # beat looks at the first half once more
    world.fire()
    assert world.ours.client.zcard(redis_keys.UPSTREAM_RUNS) == 0


def test_half_a_join_goes_on_waiting_while_the_other_half_may_come(world: World) -> None:
    joined(world)
    for _ in range(3):
        world.now += timedelta(minutes=2)
        world.fire()
    assert world.run("d") is None
    world.ends("middle")
    world.now += timedelta(minutes=2)
    world.fire()
    world.ends("far")
    assert world.existing("d").state is RunState.DISPATCHED


def test_task_that_was_disabled_as_its_upstream_ended_keeps_no_join_waiting(world: World) -> None:
    joined(world)
    world.ours.registry.disable("far")
    world.ends("middle")
    world.ours.registry.enable("far")
    world.now += timedelta(minutes=2)
    world.fire()
    cause = {"class": "upstream", "run": f"far@after-{ROOT}", "outcome": "passed over"}
    assert world.existing("d").cause == cause


def test_end_of_a_removed_task_is_looked_at_by_what_comes_after_it(world: World) -> None:
    world.root("s")
    world.task("a", "s")
    world.task("b", "s")
    world.task("d", "a", "b")
    world.fire(10)
    world.ends("s")
    world.ends("a")
    world.ours.registry.unregister("b", force=True)
    world.fire()
    assert world.existing("d").cause == {
        "class": "upstream",
        "run": f"b@after-{ROOT}",
        "outcome": "cancelled",
    }


def test_run_that_beat_looks_at_once_more_is_not_recorded_or_fired_again(world: World) -> None:
    world.root("s")
    world.task("d", "s")
    world.task("alarm", {"task": "s", "on": "failure"})
    world.fire(10)
    world.ends("s")
    world.ours.client.zadd(redis_keys.UPSTREAM_RUNS, {f"s@{ROOT}": 0})  # as one that was killed leaves it
    assert world.beat._downstream.fire(lambda: world.now, most_seconds=1.0) == []
    world.fire()
    (record,) = world.records("alarm")
    assert record["status"] == "skipped"


def test_task_whose_upstream_task_was_removed_is_named_in_the_status(world: World) -> None:
    joined(world)
    world.ours.registry.unregister("far", force=True)
    assert world.ours.registry.overview(due_limit=1).missing_upstream == {"d": ["far"]}


def test_edge_that_is_not_taken_is_no_skip_in_a_row_and_no_news(world: World) -> None:
    world.root("s")
    news = {"notify": {"on": ["skipped"], "to": ["default"]}}
    world.task("alarm", {"task": "s", "on": "failure"}, **news)
    world.task("quiet", "alarm", **news)
    world.task("report", "s", **news)
    for hour in range(10, 16):
        world.fire(hour)
        is_good = hour < 13
        world.ends("s", RunState.SUCCESS if is_good else RunState.FAILURE, f"20260302T{hour}0000Z")
        for run in world.ledger.active():
            world.end(run)
        world.fire()
    counts = {one: world.ledger.history(one) for one in ("alarm", "quiet", "report")}
    assert {one: count.skipped_count for one, count in counts.items()} == {
        "alarm": 3,
        "quiet": 3,
        "report": 3,
    }
    assert {one: count.consecutive_skips for one, count in counts.items()} == {
        "alarm": 0,
        "quiet": 0,
        "report": 3,
    }
    notices: Any = world.ours.client.lrange(redis_keys.NOTICES, 0, -1)
    assert [one.partition('"task":"')[2].partition('"')[0] for one in notices] == ["report"]


def overtaken(world: World, monkeypatch: pytest.MonkeyPatch, *, by: Callable[[], object]) -> None:
    """Let another writer change the graph between the next writer's check and its write."""
    kind = type(world.ours.registry.check)
    parse = kind.parse_new

    def parse_and_be_overtaken(*args: Any, **more: Any) -> Any:
        task = parse(*args, **more)
        monkeypatch.setattr(kind, "parse_new", parse)
        by()
        return task

    monkeypatch.setattr(kind, "parse_new", parse_and_be_overtaken)


def test_two_writers_at_the_same_time_close_no_cycle(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = world.ours.registry
    for task_id in "abc":
        world.root(task_id)
    registry.update("b", {"after": [{"task": "a"}]})
    overtaken(world, monkeypatch, by=lambda: registry.update("c", {"after": [{"task": "b"}]}))
    with pytest.raises(InvalidTaskError, match="a cycle: a after c after b after a"):
        registry.update("a", {"after": [{"task": "c"}]})
    assert registry.downstream("c") == []
    assert registry.update("b", {"params": {"x": 1}})


def test_new_task_closes_no_cycle_with_what_comes_after_a_former_one_of_its_id(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = world.ours.registry
    for task_id in "abc":
        world.root(task_id)
    registry.update("b", {"after": [{"task": "a"}]})
    registry.unregister("a", force=True)
    overtaken(world, monkeypatch, by=lambda: registry.update("c", {"after": [{"task": "b"}]}))
    with pytest.raises(InvalidTaskError, match="a cycle"):
        world.root("a", after=[{"task": "c"}])
    assert registry.get("a") is None


def test_what_comes_after_runs_of_a_backfill_overlaps_as_these_do(world: World) -> None:
    world.root("s")
    world.task("d", "s", overlap="skip")
    world.task("e", "d", overlap="skip")
    world.fire(10)
    world.ends("s")
    world.ends("d")
    assert world.existing("e").state is RunState.DISPATCHED  # it is in no way of those of the backfill
    task = world.ours.registry.definition("s")
    assert task is not None
    for hour in (6, 7):
        at = world.now.replace(hour=hour)
        root = f"{at:%Y%m%dT%H%M%SZ}"
        past = backfill_run(task, "B1", f"s@{root}", at=at, now=world.now, priority=9)
        assert world.ledger.dispatch(past)
        world.ends("s", root=root)
    for task_id in "de":
        for hour in (6, 7):
            run = world.existing(task_id, f"20260302T{hour:02}0000Z")
            assert (run.state, run.backfill) == (RunState.DISPATCHED, "B1")
        for hour in (6, 7):
            world.ends(task_id, root=f"20260302T{hour:02}0000Z")


def test_file_may_turn_dependencies_round(world: World, tmp_path: Path) -> None:
    def apply(*tasks: tuple[str, str]) -> None:
        file = tmp_path / "tasks.json"
        base = {"handler": "handlers.hello.run", "schedule": {"type": "interval", "hours": 1}}
        after = {one: [{"task": other}] if other else [] for one, other in tasks}
        file.write_text(json.dumps([{"id": one, "after": found, **base} for one, found in after.items()]))
        apply_task_file(world.ours.registry, file, world.ours.resources)

    apply(("a", ""), ("b", "a"), ("c", "b"))
    apply(("a", "b"), ("b", "c"), ("c", ""))
    assert [world.ours.registry.downstream(one) for one in "abc"] == [[], ["a"], ["b"]]
    apply(("b", "a"), ("a", ""))  # c, which is not in the file, stays as it is
    assert [world.ours.registry.downstream(one) for one in "abc"] == [["b"], [], []]
