"""Tasks that come after others: beat, the ledger and the registry, on a real server, by time travel.

This file has more than 250 lines because each rule of how runs follow others is one test of it.
"""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import combinations_with_replacement, product
from typing import TYPE_CHECKING, Any, get_args

import pytest

from mission_control.installation.installation import Installation
from mission_control.ledger.upstream_runs import UpstreamRuns
from mission_control.model.composition.joining import EndClass, Join, On, Release, decide_join
from mission_control.model.policies.overlap import (
    OverlapPolicy,
    Predecessor,
    Source,
    Verdict,
    decide_overlap,
)
from mission_control.model.policies.pause import PauseKind, PauseLayer
from mission_control.model.runs.run_record import Trigger
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from tests.processes.pipelines import NINE, ROOT, World

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world(installation: Installation) -> Iterator[World]:
    world = World(installation)
    yield world
    world.beat.close()


CLASSES: dict[EndClass | None, list[RunState | None]] = {
    None: [None],
    EndClass.SUCCESS: [RunState.SUCCESS],
    EndClass.FAILURE: [RunState.FAILURE, RunState.TIMED_OUT, RunState.LOST],
    EndClass.NOT_RUN: [RunState.SKIPPED, RunState.CANCELLED, RunState.EXPIRED],
}


def test_beat_decides_about_every_cell_as_the_pure_function_does(world: World) -> None:
    world.root("s")
    world.task("a", "s")
    world.task("b", "s")
    cells: dict[str, tuple[Join, On, On]] = {
        f"{join}.{first}.{second}": (join, first, second)
        for join in get_args(Join)
        for first, second in combinations_with_replacement(get_args(On), 2)
    }
    for task_id, (join, first, second) in cells.items():
        world.task(task_id, {"task": "a", "on": first}, {"task": "b", "on": second}, join=join)
    for at, pair in enumerate(product(CLASSES, CLASSES)):
        one, other = (CLASSES[ended][at % len(CLASSES[ended])] for ended in pair)
        world.now = NINE + timedelta(hours=at + 1)
        root = f"{world.now:%Y%m%dT%H%M%SZ}"
        world.fire()
        world.ends("s", root=root)
        for task_id, state in (("a", one), ("b", other)):
            if state is not None:
                world.ends(task_id, state, root)
        for task_id, (join, first, second) in cells.items():
            expected = decide_join(join, zip((first, second), pair, strict=True))
            run = world.run(task_id, root)
            found = Release.WAIT if run is None else Release.START
            if run is not None and run.state is RunState.SKIPPED and (run.cause or {})["class"] == "upstream":
                found = Release.SKIP
            assert found is expected, (task_id, one, other)
            if run is not None and not run.state.is_final:
                world.end(run, RunState.CANCELLED)
        for task_id in ("a", "b"):
            if not world.existing(task_id, root).state.is_final:
                world.end(world.existing(task_id, root), RunState.CANCELLED)


def test_run_comes_after_the_runs_of_its_root_and_carries_them(world: World) -> None:
    world.root("s")
    world.task("a", "s")
    world.task("b", "s")
    world.task("d", "a", "b", params={"x": 1})
    world.fire(10)
    world.ends("s")
    world.ends("a")
    assert world.run("d") is None
    world.now += timedelta(minutes=5)
    world.ends("b")
    run = world.existing("d")
    assert (run.execution_id, run.trigger, run.state) == (
        f"d@after-{ROOT}",
        Trigger.AFTER,
        RunState.DISPATCHED,
    )
    assert (run.root, run.upstream) == (f"s@{ROOT}", [f"a@after-{ROOT}", f"b@after-{ROOT}"])
    assert run.scheduled_time == world.now
    assert run.params == {"x": 1}
    world.ends("d")
    (record,) = world.records("d")
    assert (record["trigger"], record["upstream"]) == ("after", run.upstream)
    assert world.ours.client.zcard(redis_keys.UPSTREAM_RUNS) == 0


def test_failure_skips_all_that_follows_with_its_root_cause_unchanged(world: World) -> None:
    world.root("s")
    world.task("t0", "s")
    for at in range(1, 100):
        world.task(f"t{at}", f"t{at - 1}")
    world.task("alarm", {"task": "t99", "on": "any"})
    world.fire(10)
    world.ends("s", RunState.TIMED_OUT)
    cause = {"class": "upstream", "run": f"s@{ROOT}", "outcome": "timed_out"}
    for at in range(100):
        run = world.existing(f"t{at}")
        assert (run.state, run.cause, run.attempt) == (RunState.SKIPPED, cause, 0)
    assert world.existing("t0").reason == f"runs after s on success, and run s@{ROOT} ended timed_out"
    assert world.existing("t7").reason == (
        f"runs after t6 on success, and run t6@after-{ROOT} ended skipped,"
        f" because of run s@{ROOT} (timed_out)"
    )
    assert world.existing("alarm").state is RunState.DISPATCHED
    (record,) = world.records("t99")
    assert (record["status"], record["cause"]) == ("skipped", cause)


def test_two_hundred_upstream_tasks_start_one_run_when_the_last_has_ended(world: World) -> None:
    world.root("s")
    names = [f"u{at}" for at in range(200)]
    for name in names:
        world.task(name, "s")
    world.task("d", *names)
    world.fire(10)
    world.ends("s")
    *rest, last = names
    for name in rest:
        world.end(world.existing(name))
    world.fire()
    assert world.run("d") is None
    world.ends(last)
    assert world.existing("d").upstream == [f"{name}@after-{ROOT}" for name in names]
    assert world.ours.client.llen("default") == 202


def test_occurrence_that_did_not_run_skips_what_follows_and_names_its_own_cause(world: World) -> None:
    world.root("s", misfire={"policy": "skip"})
    world.task("a", "s")
    world.task("after_any", {"task": "s", "on": "any"})
    world.fire(10)
    world.fire(11)  # the run at ten is in its way
    skipped = world.existing("a", "20260302T110000Z")
    assert skipped.cause == {"class": "upstream", "run": "s@20260302T110000Z", "outcome": "overlap"}
    assert world.existing("after_any", "20260302T110000Z").state is RunState.DISPATCHED
    world.ends("s")
    pause_of(world, "s")
    world.fire(12)
    assert world.existing("a", "20260302T120000Z").cause == {
        "class": "upstream",
        "run": "s@20260302T120000Z",
        "layer": "task:s",
        "outcome": "paused",
    }


def pause_of(world: World, task_id: str) -> None:
    layer = PauseLayer(PauseKind.TASK, task_id, since=world.now, who="me")
    world.ours.pauses.set([layer], change="paused")


def test_paused_task_skips_its_runs_and_those_that_follow(world: World) -> None:
    world.root("s")
    world.task("a", "s")
    world.task("b", "a")
    pause_of(world, "a")
    world.fire(10)
    world.ends("s")
    assert world.existing("a").cause == {"class": "paused", "layer": "task:a"}
    assert world.existing("b").cause == {
        "class": "upstream",
        "run": f"a@after-{ROOT}",
        "layer": "task:a",
        "outcome": "paused",
    }


def test_open_breaker_skips_runs_apart_from_probes(world: World) -> None:
    world.root("s", overlap="allow")
    world.task("a", "s", pause_after_failures=1, probe_after=["2h"], retry_policy={"max_retries": 0})
    for hour, expected in ((10, "dispatched"), (11, "skipped"), (12, "dispatched"), (13, "dispatched")):
        root = f"20260302T{hour}0000Z"
        world.fire(hour)
        world.ends("s", root=root)
        run = world.existing("a", root)
        assert run.state == expected, hour
        if expected == "dispatched":
            world.ends("a", RunState.FAILURE if hour == 10 else RunState.SUCCESS, root)
    assert (world.existing("a", "20260302T110000Z").cause or {})["class"] == "breaker"


@pytest.mark.parametrize("policy", get_args(OverlapPolicy))
def test_overlap_decides_about_runs_that_come_after_others(world: World, policy: OverlapPolicy) -> None:
    world.root("s", overlap="allow")
    world.task("a", "s", overlap=policy)
    for hour, root in ((10, ROOT), (11, "20260302T110000Z")):
        world.fire(hour)
        world.ends("s", root=root)
    second = world.existing("a", "20260302T110000Z")
    match decide_overlap(policy, Predecessor.QUEUED, Source.AFTER):
        case Verdict.START:
            assert (second.state, second.waits_for) == (RunState.DISPATCHED, None)
        case Verdict.SKIP:
            assert second.cause == {"class": "overlap", "run": f"a@after-{ROOT}"}
        case _:
            assert second.waits_for == f"a@after-{ROOT}"


def test_request_starts_what_follows_from_it_alone(world: World) -> None:
    world.root("s")
    world.task("a", "s")
    world.task("b", "s")
    world.task("d", "a", "b")
    world.task("alone", "a")
    requested = world.dispatch.enqueue("a").execution_id
    root = requested.partition("@")[2]
    world.end(world.ledger.get(requested) or pytest.fail("gone"), RunState.FAILURE)
    world.fire()
    assert world.run("d", root) is None  # no run of b belongs to it
    assert world.existing("alone", root).state is RunState.SKIPPED
    whole = world.dispatch.enqueue("s").execution_id
    root = whole.partition("@")[2]
    for task_id in ("s", "a", "b"):
        world.ends(task_id, root=root)
    assert world.existing("d", root).root == whole


def test_latest_end_within_a_span_joins_what_has_no_common_root(world: World) -> None:
    world.root("s")
    world.root("t")
    world.task("d", "s", {"task": "t", "within": "30m"})
    world.fire(10)
    world.ends("s")
    assert world.run("d") is None
    world.now += timedelta(minutes=20)
    world.ends("t")
    run = world.existing("d")
    assert (run.root, run.upstream) == (f"s@{ROOT}", [f"s@{ROOT}", f"t@{ROOT}"])
    world.end(run)
    world.fire(11)
    root = "20260302T110000Z"
    world.ends("t", RunState.FAILURE, root)
    world.ends("s", root=root)
    assert world.run("d", root) is None  # the last success of t is too old
    world.now += timedelta(minutes=31)
    world.fire()
    late = world.existing("d", root)
    assert (late.state, late.cause) == (
        RunState.SKIPPED,
        {"class": "upstream", "run": f"s@{root}", "outcome": "too late"},
    )
    assert world.ours.client.zcard(redis_keys.UPSTREAM_RUNS) == 0


def test_any_of_several_roots_starts_a_task_that_takes_them_within_a_span(world: World) -> None:
    world.root("s")
    world.task("t", schedule={"type": "interval", "hours": 1, "anchor": "2026-03-02T00:30:00Z"})
    world.task("d", {"task": "s", "within": "1h"}, {"task": "t", "within": "1h"}, join="any")
    world.fire(10)
    world.ends("t", RunState.FAILURE, "20260302T093000Z")
    assert world.run("d", "20260302T093000Z") is None
    world.ends("s")
    assert world.existing("d").upstream == [f"s@{ROOT}"]


class KilledError(BaseException):
    """The end of beat in the middle of something."""


@pytest.mark.parametrize("method", ["downstream", "looked_at"])
def test_beat_killed_at_any_moment_neither_loses_nor_doubles_a_run(
    world: World, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    world.root("s")
    world.task("a", "s")
    world.task("b", "a")
    world.fire(10)
    world.end(world.existing("s"), RunState.SUCCESS)

    def die(*_: Any) -> None:
        raise KilledError

    with monkeypatch.context() as broken:
        broken.setattr(UpstreamRuns, method, die)
        with pytest.raises(KilledError):
            world.fire()
    for _ in range(2):
        world.fire()
    assert world.existing("a").state is RunState.DISPATCHED
    queued = [text for text in world.ours.client.lrange("default", 0, -1) if f"a@after-{ROOT}" in text]
    assert len(queued) == 1


def test_definition_counts_as_it_is_when_the_upstream_run_ends(world: World) -> None:
    world.root("s")
    world.task("a", "s")
    world.fire(10)
    world.task("new", "s", params={"x": 1})
    world.ours.registry.disable("a")
    world.ours.registry.update("new", {"params": {"x": 2}})
    world.ends("s")
    assert world.run("a") is None
    assert world.existing("new").params == {"x": 2}
    world.ours.registry.update("new", {"after": [], "schedule": None})
    assert world.ours.client.hget("redbeat:s", "downstream") == "1"
    world.ours.registry.unregister("a")
    assert world.ours.client.hget("redbeat:s", "downstream") is None
    assert not world.ours.client.exists(redis_keys.downstream("s"))


def test_dependencies_that_another_program_spoilt_delay_no_other_task(world: World) -> None:
    world.root("s")
    for task_id in ("a", "b"):
        world.task(task_id, "s")
    client: Any = world.ours.client
    text = client.hget("redbeat:a", "task")
    spoilt = json.loads(text)
    spoilt["after"].insert(0, 7)
    client.hset("redbeat:a", "task", json.dumps(spoilt))
    world.fire(10)
    world.ends("s")
    assert world.existing("b").state is RunState.DISPATCHED
    assert world.run("a") is None
    client.hset("redbeat:a", "task", text)
    world.now += timedelta(minutes=2)
    world.fire()
    assert world.existing("a").state is RunState.DISPATCHED
