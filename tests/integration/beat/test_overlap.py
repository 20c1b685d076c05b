"""Occurrences and requests that meet an active run of their task: beat and the ledger, on a real server.

This file has more than 250 lines because each policy and each way in which runs meet is one test of it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any, get_args

import pytest
from msgspec.structs import replace

from beat.scheduler import MissionControlScheduler
from mission_control.dispatch.enqueue import Dispatch, RunOptions
from mission_control.dispatch.run_control import RunControl
from mission_control.dispatch.run_ending import RunEnding
from mission_control.installation.installation import Installation, create_app
from mission_control.ledger.claims import BeginVerdict
from mission_control.model.policies.overlap import (
    OverlapPolicy,
    Predecessor,
    Source,
    Verdict,
    decide_overlap,
)
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from mission_control.sweep.sweep import Sweep
from tests.samples.ledger_runs import lapse
from tests.stage.audit_stream import final_records_of

if TYPE_CHECKING:
    from collections.abc import Iterator

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
POLICIES: tuple[OverlapPolicy, ...] = get_args(OverlapPolicy)
WAITS = {Verdict.WAIT, Verdict.TAKE_PLACE, Verdict.REPLACE}


class World:
    """An installation whose time is `now`, with a beat and without a worker."""

    def __init__(self, installation: Installation) -> None:
        self.now = NINE
        self.ours = Installation(installation.settings, clock=lambda: self.now)
        self.ledger = self.ours.ledger
        self.ending = RunEnding.of(self.ours)
        self.dispatch = Dispatch.of(self.ours)
        app = create_app("beat", lambda: self.ours)
        self.beat = MissionControlScheduler(app, installation=self.ours, lazy=True)
        self.sweep = Sweep.of(app, self.ours)

    def register(self, task_id: str = "tea", **more: Any) -> None:
        """Register a task that is due every hour, next at ten."""
        schedule = {"type": "interval", "hours": 1}
        task = {"id": task_id, "handler": "handlers.hello.run", "schedule": schedule, **more}
        assert self.ours.registry.register(task)

    def fire(self, hour: int, *, late: timedelta = timedelta(0)) -> None:
        """Let beat fire what is due at an hour."""
        self.now = NINE.replace(hour=hour) + late
        self.beat._lead.take()
        self.beat.fire_due(self.now)

    def run(self, hour: int, task_id: str = "tea") -> RunRecord:
        return self.existing(f"{task_id}@20260302T{hour:02}0000Z")

    def existing(self, execution_id: str) -> RunRecord:
        run = self.ledger.get(execution_id)
        assert run is not None
        return run

    def begun(self, execution_id: str, attempt: int = 1) -> RunRecord:
        reply = self.ledger.begin(execution_id, attempt, worker="w", at=self.now)
        assert reply.verdict is BeginVerdict.BEGUN
        assert reply.run is not None
        return reply.run

    def ended(self, run: RunRecord, state: RunState = RunState.SUCCESS) -> RunRecord:
        ended = self.ending.end(run, state, at=self.now)
        assert ended is not None
        return ended

    def queued(self) -> list[str]:
        """The ids of the runs whose messages are on the queue, the oldest first."""
        found: Any = self.ours.client.lrange("default", 0, -1)
        return [json.loads(text)["headers"]["id"] for text in found[::-1]]

    def bring(self, run: RunRecord, predecessor: Predecessor) -> None:
        """Bring a run that is queued into a state that another run may meet."""
        if predecessor is Predecessor.QUEUED:
            return
        running = self.begun(run.execution_id)
        match predecessor:
            case Predecessor.NONE:
                self.ended(running)
            case Predecessor.RETRY_WAIT:
                later = self.now + 5 * HOUR
                assert self.ledger.end(running, RunState.RETRYING, at=self.now, retry_at=later)
            case Predecessor.CANCELLING:
                assert self.ledger.ask_to_cancel(run.execution_id, "by hand")
            case Predecessor.LOST:
                lapse(self.ours, run.execution_id)
                assert self.ending.interrupt(self.existing(run.execution_id), is_lapsed=True)


@pytest.fixture
def world(installation: Installation) -> Iterator[World]:
    world = World(installation)
    yield world
    world.beat.close()


def verdict_on(world: World, run: RunRecord, policy: str, displaced: RunRecord | None) -> Verdict:
    """Return what the scripts decided about a run, by its traces."""
    if run.state is RunState.SKIPPED:
        return Verdict.SKIP
    if run.waits_for is None:
        return Verdict.START
    if policy == "replace" and world.existing(run.waits_for).cancel_requested is not None:
        return Verdict.REPLACE
    return (
        Verdict.WAIT if displaced is None or displaced.state is not RunState.SKIPPED else Verdict.TAKE_PLACE
    )


def test_scripts_decide_about_every_cell_as_the_pure_function_does(world: World) -> None:
    cells = {f"{one}.{state}": (one, state) for one, state in product(POLICIES, Predecessor)}
    for task_id, (policy, _) in cells.items():
        world.register(task_id, overlap=policy)
    world.fire(10)
    for task_id, (policy, predecessor) in cells.items():
        world.bring(world.run(10, task_id), predecessor)
        requested = world.existing(world.dispatch.enqueue(task_id).execution_id)
        decided = verdict_on(world, requested, "", None)
        assert decided is decide_overlap(policy, predecessor, Source.MANUAL), task_id
        world.ended(requested, RunState.CANCELLED)
    world.fire(11)
    for task_id, (policy, predecessor) in cells.items():
        decided = verdict_on(world, world.run(11, task_id), policy, None)
        assert decided is decide_overlap(policy, predecessor, Source.TIMETABLE), task_id
    world.fire(12)
    for task_id, (policy, predecessor) in cells.items():
        eleven = world.run(11, task_id)
        if predecessor is not Predecessor.NONE:  # of which the run at eleven is one
            decided = verdict_on(world, world.run(12, task_id), policy, eleven)
            assert decided is decide_overlap(policy, predecessor, Source.TIMETABLE, waiting=1), task_id
        is_displaced = policy in {"queue_latest", "replace"} and predecessor is not Predecessor.NONE
        assert (eleven.state is RunState.SKIPPED) == (
            is_displaced or (policy == "skip" and predecessor != "none")
        )


def test_skipped_occurrence_names_the_run_in_the_way_and_is_recorded_once(world: World) -> None:
    world.register()
    world.fire(10)
    world.begun(world.run(10).execution_id)
    world.fire(11)
    skipped = world.run(11)
    first = "tea@20260302T100000Z"
    assert skipped.reason == (
        f"overlap policy skip: run {first} has not ended (running since 2026-03-02T10:00:00Z)"
    )
    (record,) = final_records_of(world.ours, "tea")
    assert (record["status"], record["reason"]) == ("skipped", skipped.reason)
    assert record["cause"] == {"class": "overlap", "run": first}
    world.fire(12)
    history = world.ledger.history("tea")
    assert (history.skipped_count, history.consecutive_skips) == (2, 2)
    world.ended(world.existing(first))
    world.fire(13)
    assert world.run(13).state is RunState.DISPATCHED
    assert world.ledger.history("tea").consecutive_skips == 0


def test_queued_occurrences_start_in_turn_and_those_over_the_limit_are_skipped(
    world: World,
) -> None:
    world.register(overlap="queue", queue_limit=2)
    for hour in range(10, 14):
        world.fire(hour)
    assert [str(world.run(hour).state) for hour in range(10, 14)] == [*["dispatched"] * 3, "skipped"]
    assert world.queued() == [world.run(10).execution_id]
    for hour in (10, 11):
        ended = world.ended(world.begun(world.run(hour).execution_id))
        assert ended.released_run == world.run(hour + 1).execution_id
        assert world.run(hour + 1).waits_for is None
    assert world.queued() == [world.run(hour).execution_id for hour in (10, 11, 12)]
    assert world.ended(world.begun(world.run(12).execution_id)).released_run is None
    assert world.ours.client.keys("mc:task:tea:[awr][cae][tiq]*") == []


def test_waiting_run_does_not_begin_expires_after_its_grace_and_leaves_no_gap(world: World) -> None:
    world.register(overlap="queue", misfire={"grace_seconds": 3_600})
    world.fire(10)
    world.begun(world.run(10).execution_id)
    world.fire(11)
    waiting = world.run(11).execution_id
    assert world.ledger.begin(waiting, 1, worker="w", at=world.now).verdict is BeginVerdict.WAITS
    world.now += HOUR / 2
    world.sweep.look()
    assert world.run(11).state is RunState.DISPATCHED
    world.now += HOUR
    world.sweep.look()
    (record,) = final_records_of(world.ours, "tea")
    assert (record["execution_id"], record["status"]) == (waiting, "expired")
    assert "past the grace_seconds" in record["reason"]


def test_newest_waiting_occurrence_takes_the_place_of_the_older_one(world: World) -> None:
    world.register(overlap="queue_latest")
    for hour in (10, 11, 12):
        world.fire(hour)
    displaced = world.run(11)
    assert displaced.state is RunState.SKIPPED
    assert displaced.cause == {"class": "overlap", "run": world.run(10).execution_id}
    assert world.run(12).execution_id in (displaced.reason or "")
    (record,) = final_records_of(world.ours, "tea")
    assert record["execution_id"] == displaced.execution_id
    world.ended(world.begun(world.run(10).execution_id))
    assert world.queued() == [world.run(10).execution_id, world.run(12).execution_id]


@pytest.mark.parametrize("predecessor", sorted(set(Predecessor) - {Predecessor.NONE}))
def test_replaced_run_ends_cancelled_in_any_state_and_only_then_its_successor_starts(
    world: World, predecessor: Predecessor
) -> None:
    world.register(overlap="replace")
    world.fire(10)
    first = world.run(10)
    world.bring(first, predecessor)
    world.fire(11)
    assert world.run(11).waits_for == first.execution_id
    assert world.run(11).execution_id not in world.queued()
    if (running := world.existing(first.execution_id)).state is RunState.RUNNING:
        world.ended(running, RunState.CANCELLED)
    else:
        world.sweep.look()
    ended = world.existing(first.execution_id)
    assert (ended.state, ended.released_run) == (RunState.CANCELLED, world.run(11).execution_id)
    assert world.queued()[-1] == world.run(11).execution_id
    assert world.ours.client.zscore(redis_keys.PARKED, first.execution_id) is None


def test_requests_wait_their_turn_unless_they_may_overlap_and_use_up_no_occurrence(world: World) -> None:
    world.register()
    first = world.dispatch.enqueue("tea").execution_id
    second = world.dispatch.enqueue("tea").execution_id
    third = world.dispatch.enqueue("tea", None, RunOptions(overlap="allow")).execution_id
    bare = world.dispatch.enqueue("handlers.hello.run").execution_id
    assert world.queued() == [first, third, bare]
    assert world.existing(second).waits_for == first
    world.fire(10)
    assert world.run(10).cause == {"class": "overlap", "run": first}
    world.ended(world.begun(first))
    assert world.existing(second).waits_for == first  # the third is active
    world.ended(world.begun(third))
    assert world.queued()[-1] == second
    world.ended(world.begun(second))
    world.fire(11)
    assert world.run(11).state is RunState.DISPATCHED


def test_request_for_later_blocks_nothing_until_it_is_due_and_then_waits(world: World) -> None:
    world.register()
    later = world.dispatch.enqueue("tea", None, RunOptions(delay=1.5 * HOUR)).execution_id
    world.fire(10)
    assert world.run(10).state is RunState.DISPATCHED
    world.begun(world.run(10).execution_id)
    world.now += HOUR
    assert world.ledger.begin(later, 1, worker="w", at=world.now).verdict is BeginVerdict.WAITS
    world.ended(world.existing(world.run(10).execution_id))
    assert world.queued()[-1] == later
    world.begun(later)


def test_waiting_request_can_be_started_at_once_and_a_repeated_run_waits(world: World) -> None:
    world.register()
    control = RunControl.of(world.ours)
    first, second = (world.dispatch.enqueue("tea").execution_id for _ in range(2))
    assert control.run_now(second) == second
    assert world.queued() == [first, second]
    world.ended(world.begun(second))
    again = control.run_now(second)
    assert world.existing(again).waits_for == first
    control.cancel(again, reason="by hand")
    assert world.ended(world.begun(first)).released_run is None


def test_backlog_that_is_caught_up_neither_blocks_nor_is_blocked(world: World) -> None:
    world.register(misfire={"policy": "all"})
    world.fire(10)
    world.fire(13, late=timedelta(minutes=1))
    assert [str(world.run(hour).state) for hour in range(10, 14)] == ["dispatched"] * 4
    world.ended(world.begun(world.run(10).execution_id))
    world.fire(14)
    assert world.run(14).state is RunState.DISPATCHED


def test_skip_of_a_fixed_delay_does_not_stop_its_task(world: World) -> None:
    world.register(schedule={"type": "interval", "hours": 1, "measure_from": "finish"})
    requested = world.dispatch.enqueue("tea").execution_id
    world.fire(10)
    assert world.run(10).cause == {"class": "overlap", "run": requested}
    world.ended(world.begun(requested))
    world.fire(11)
    assert world.run(11).state is RunState.DISPATCHED


def test_run_that_another_program_removed_is_in_nothing_s_way(world: World) -> None:
    world.register(overlap="queue")
    for hour in (10, 11):
        world.fire(hour)
    world.ours.client.delete(redis_keys.run(world.run(10).execution_id))
    world.now += HOUR / 2
    world.sweep.look()
    assert world.queued()[-1] == world.run(11).execution_id
    world.ours.client.delete(redis_keys.run(world.run(11).execution_id))
    world.fire(12)
    assert world.run(12).waits_for is None
    assert world.run(12).state is RunState.DISPATCHED


def test_policy_changed_while_several_runs_are_active_counts_them_all(world: World) -> None:
    world.register(overlap="allow")
    for hour in (10, 11):
        world.fire(hour)
    assert world.ours.registry.update("tea", {"overlap": "skip"})
    world.ended(world.begun(world.run(11).execution_id))
    world.fire(12)
    assert world.run(12).cause == {"class": "overlap", "run": world.run(10).execution_id}


def test_task_that_skips_for_long_retains_its_active_run_and_the_latest_skips(
    installation: Installation,
) -> None:
    world = World(Installation(replace(installation.settings, retention_runs=2)))
    world.register()
    for hour in range(10, 16):
        world.fire(hour)
    kept = [run.execution_id for run in world.ledger.runs_of("tea")]
    assert kept == [f"tea@20260302T{hour}0000Z" for hour in (15, 14, 10)]
    assert world.ledger.get("tea@20260302T120000Z") is None
    assert len(final_records_of(world.ours, "tea")) == 5
    world.beat.close()
