"""Workers and beats killed at random instants, and Redis restarted, while occurrences of all kinds run.

Some come after others, some share a limit, and some a budget that does not suffice for all.
`make chaos` runs the long one: RUN_CHAOS_KILLS says how often something is killed, RUN_CHAOS_OCCURRENCES how
many occurrences fall due meanwhile, CHAOS_SEED what and when.
"""

from __future__ import annotations

import os
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.audit.stream.reader import read_all
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from tests.chaos.chaos_fleet import KILLS, LEADER_SECONDS, ChaosFleet, blows
from tests.chaos.chaos_kinds import BUDGET, CONCURRENCY, LIMIT
from tests.chaos.chaos_verdict import Evidence, faults, is_over_budget, most_at_a_time
from tests.chaos.chaos_work import Workload
from tests.processes.real_workers import WorkerHouse, worker_house
from tests.stage.audit_stream import verified_changes, verified_runs
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.starts_early(95)

MOST_KILLS = int(os.environ.get("RUN_CHAOS_KILLS", "12"))
OCCURRENCES = int(os.environ.get("RUN_CHAOS_OCCURRENCES", "180"))
SEED = int(os.environ.get("CHAOS_SEED", "3"))
LONGEST_PAUSE_SECONDS = 1.0
LONGEST_END_SECONDS = max(120.0, OCCURRENCES / 5)  # a third of them wait for one of two slots


@pytest.fixture
def house() -> Iterator[WorkerHouse]:
    with worker_house(leader_seconds=LEADER_SECONDS) as house:
        yield house


def test_occurrences_under_random_kills_and_restarts_end_exactly_once(house: WorkerHouse) -> None:
    draw = random.Random(SEED)
    work = Workload(house.installation, house.folder, draw)
    with ChaosFleet(house, work, draw) as fleet:
        fleet.wait_until_ready()
        rounds = blows(MOST_KILLS, draw)
        for number, what in enumerate(rounds):
            of_this_round = OCCURRENCES * (number + 1) // len(rounds) - OCCURRENCES * number // len(rounds)
            work.add(of_this_round, within=timedelta(seconds=LONGEST_PAUSE_SECONDS))
            fleet.strike(what, within_seconds=LONGEST_PAUSE_SECONDS)

        def is_over() -> bool:
            fleet.look_after()
            return not what_is_left(house)

        wait_until(
            is_over,
            lambda: f"every run is over and recorded; left: {left_and_why(house)}",
            timeout=LONGEST_END_SECONDS,
        )
        fleet.finish()

    found = evidence(house, work, fleet)
    assert sum(fleet.struck[what] for what in KILLS) == MOST_KILLS
    assert len(work.expected) == OCCURRENCES
    assert found.cut_off, "no kill hit a handler"
    assert not (wrong := faults(found)), "\n".join(wrong)
    assert most_at_a_time(found) <= CONCURRENCY
    assert house.installation.client.keys(redis_keys.LimitKeys(LIMIT, "*").of("*")) == []
    assert house.installation.client.keys(redis_keys.budget_reserved(f"{BUDGET}-*")) == []
    not_taken = sum(work.skipped_for is not None for work in found.expected.values())
    assert 0 < not_taken < OCCURRENCES / 2, "pipelines have runs that must not start"
    stopped = sum(run.state == RunState.SKIPPED and is_over_budget(run) for run in found.runs.values())
    assert 0 < stopped < OCCURRENCES / 4, "budgets have stopped some runs"
    run = OCCURRENCES - not_taken - stopped
    histories = house.installation.ledger.histories({run.task_id for run in found.runs.values()})
    assert sum(history.total_runs for history in histories) == run
    assert sum(history.skipped_count for history in histories) == OCCURRENCES - run
    assert [verify(house.installation).counts for verify in (verified_runs, verified_changes)] == [{}, {}]


def what_is_left(house: WorkerHouse) -> dict[str, list[Any]]:
    """Return what is due, active, waiting or pending, by the key that holds it."""
    client = house.installation.client
    schedule = redis_keys.DEFAULT_REDBEAT_KEYS.schedule
    runs = (redis_keys.ACTIVE_RUNS, redis_keys.LEASES, redis_keys.UPSTREAM_RUNS)
    keys = (schedule, *runs, redis_keys.PARKED)
    with client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.zrange(key, 0, 9, withscores=True)
        pipe.hkeys(redis_keys.PENDING_RECORDS)
        pipe.hkeys("unacked")
        pipe.lrange("default", 0, 9)
        held = pipe.execute()
    return {
        name: what for name, what in zip((*keys, "pending", "unacked", "queued"), held, strict=True) if what
    }


def left_and_why(house: WorkerHouse) -> str:
    """Return what is left, and what each worker has in hand, and in which process."""
    ask = house.installation.celery.control.inspect(timeout=5)
    said = {"active": ask.active(), "reserved": ask.reserved(), "scheduled": ask.scheduled()}
    pools = {name: stats["pool"] for name, stats in (ask.stats() or {}).items()}
    return f"{what_is_left(house)}; the workers say {said}; their pools {pools}"


def evidence(house: WorkerHouse, work: Workload, fleet: ChaosFleet) -> Evidence:
    installation = house.installation
    keys: Any = installation.client.keys(redis_keys.run("*"))
    ids = [str(key).removeprefix(redis_keys.run("")) for key in keys]
    return Evidence(
        expected=work.expected,
        notes=work.notes(),
        runs={name: run for name in ids if (run := installation.ledger.get(name)) is not None},
        records=list(read_all(installation.settings.task_execution_log)),
        killed=frozenset(fleet.killed),
    )
