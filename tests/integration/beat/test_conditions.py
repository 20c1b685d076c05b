"""Built-in conditions of tasks: beat, the ledger and the registry, on a real server, by time travel."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.audit.stream.reader import read_all
from mission_control.errors import InvalidTaskError
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from tests.processes.pipelines import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mission_control.installation.installation import Installation


@pytest.fixture
def world(installation: Installation) -> Iterator[World]:
    world = World(installation)
    yield world
    world.beat.close()


def fired(world: World, task_id: str, hour: int) -> str:
    """Fire what is due at that hour; return the state of the task's run, and end it with a success."""
    world.fire(hour)
    run = world.existing(task_id, f"20260302T{hour:02}0000Z")
    if run.state is RunState.DISPATCHED:
        world.ends(task_id, RunState.SUCCESS, f"20260302T{hour:02}0000Z")
    return str(run.state)


def test_occurrence_that_a_condition_skips_leaves_one_record_with_what_was_seen(world: World) -> None:
    world.root("a", condition={"workday": "2026-03-02"})
    world.root("b", condition="workday")
    world.task("c", "a")
    world.fire(10)
    world.fire(10)
    (record,) = world.records("a")
    assert (record["status"], record["attempt"]) == ("skipped", None)
    assert record["reason"] == "condition workday: Monday 2026-03-02, excluded on 2026-03-02"
    assert record["cause"] == {"class": "condition", "layer": "workday"}
    assert world.existing("b").state is RunState.DISPATCHED
    assert world.existing("c").cause == {
        "class": "upstream",
        "run": "a@20260302T100000Z",
        "layer": "workday",
        "outcome": "condition",
    }
    assert [run.task_id for run in world.ledger.active()] == ["b"]
    assert world.ledger.history("a").consecutive_skips == 1


def test_file_counts_as_changed_until_a_run_has_succeeded(world: World, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    world.root("a", condition={"file_changed": str(file)})
    assert fired(world, "a", 10) == "skipped"
    assert world.existing("a").reason == f"condition file_changed: there is no file {file}"
    file.write_text("1")
    world.fire(11)
    world.ends("a", RunState.FAILURE, "20260302T110000Z")
    assert fired(world, "a", 12) == "dispatched"
    assert fired(world, "a", 13) == "skipped"
    file.write_text("2")
    os.utime(file, ns=(1, 1))  # an older time is a change too
    assert fired(world, "a", 14) == "dispatched"
    assert fired(world, "a", 15) == "skipped"


def test_file_that_is_none_is_not_waited_for_and_quarantines_nothing(world: World, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    world.root("pipe", condition={"file_changed": str(tmp_path / "pipe")})
    world.root("folder", condition={"file_changed": str(tmp_path)})
    world.fire(10)
    assert "cannot be looked at: it is not a regular file" in str(world.existing("pipe").reason)
    assert "cannot be looked at: it is a directory" in str(world.existing("folder").reason)


def test_task_runs_after_a_failure_and_not_after_a_success(world: World) -> None:
    world.root("a", condition="previous_failed")
    assert fired(world, "a", 10) == "skipped"
    run = world.dispatch.enqueue("a").record  # a request does not ask
    assert run is not None
    world.end(run, RunState.FAILURE)
    assert fired(world, "a", 11) == "dispatched"
    assert fired(world, "a", 12) == "skipped"


def test_task_runs_if_the_outputs_before_it_have_changed(world: World) -> None:
    world.root("s")
    world.task("a", "s", condition="upstream_changed")
    seen = []
    for hour, output in ((10, "one"), (11, "one"), (12, "two")):
        root = f"20260302T{hour}0000Z"
        world.fire(hour)
        begun = world.ledger.begin(f"s@{root}", 1, worker="w", at=world.now).run
        assert begun is not None
        world.ending.end(begun, RunState.SUCCESS, at=world.now, output=output)
        world.fire()
        run = world.existing("a", root)
        seen.append(str(run.state))
        if run.state is RunState.DISPATCHED:
            world.ends("a", RunState.SUCCESS, root)
    assert seen == ["dispatched", "skipped", "dispatched"]


def test_condition_on_outputs_of_no_task_is_refused(world: World) -> None:
    with pytest.raises(InvalidTaskError, match="needs tasks before this one; name them in the field after"):
        world.root("a", condition="upstream_changed")


def test_what_may_change_is_decided_when_it_is_due_and_what_time_decides_is_prepared(world: World) -> None:
    world.root("time", condition="workday")
    world.root("file", condition={"file_changed": "/srv/orders.csv"})
    due = world.now.replace(hour=10)
    world.beat._lead.take()
    world.now = due - timedelta(seconds=3)
    world.beat._firing.prepare(lambda: world.now, due.timestamp(), lambda: False)
    (prepared,) = world.beat._firing.prepared._waiting
    assert prepared.execution_ids == ("time@20260302T100000Z",)


def test_task_without_a_condition_asks_for_no_facts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise AssertionError("it asked")

    monkeypatch.setattr("beat.firing.pauses_in_force.condition_facts", fail)
    world.root("plain")
    world.root("workday", condition="workday")
    world.root("function", condition="handlers.hello.run")
    world.fire(10)
    assert {world.existing(one).state for one in ("plain", "workday", "function")} == {RunState.DISPATCHED}


@pytest.mark.parametrize(("times", "noted_at"), [(2, [11, 12]), (4, [])])
def test_condition_that_says_no_again_and_again_is_noted_as_idle(
    world: World, times: int, noted_at: list[int]
) -> None:
    notify = {"on": ["idle", "skipped"], "to": ["ops"]}
    world.root("a", condition={"file_changed": "/srv/none.csv", "idle_times": times}, notify=notify)
    noted = []
    for hour in (10, 11, 12):
        world.fire(hour)
        texts: Any = world.ours.client.lrange(redis_keys.NOTICES, 0, -1)
        world.ours.client.delete(redis_keys.NOTICES)
        noted += [(hour, json.loads(text)["event"]) for text in texts]
    assert noted == [(hour, "idle") for hour in noted_at]


def test_run_that_its_function_skips_leaves_nothing_behind_but_one_record(world: World) -> None:
    world.root("a", condition={"handler": "handlers.hello.run", "idle_times": 1}, notify={"on": ["idle"]})
    world.task("b", "a")
    world.fire(10)
    begun = world.ledger.begin("a@20260302T100000Z", 1, worker="w", at=world.now).run
    assert begun is not None
    assert begun.condition == {"handler": "handlers.hello.run", "idle_times": 1, "idle_after": 604800.0}
    cause = {"class": "condition", "layer": "handlers.hello.run"}
    ended = world.ending.end(
        begun, RunState.SKIPPED, at=world.now, reason="condition handlers.hello.run: no", cause=cause
    )
    assert ended is not None  # and here its worker is killed, before it has written the record
    assert world.records("a") == []
    world.fire()
    assert (world.existing("b").cause or {})["outcome"] == "condition"
    assert [run.task_id for run in world.ledger.active()] == []
    assert world.ours.client.zcard(redis_keys.LEASES) == 0
    assert world.ours.client.llen(redis_keys.NOTICES) == 1
    pending = world.ours.client.hkeys(redis_keys.PENDING_RECORDS)
    assert len([one for one in pending if "a@20260302T100000Z" in str(one)]) == 1
    assert list(read_all(world.ours.settings.task_execution_log))[-1]["task_id"] == "b"
