"""Forecasts hold: over many random loads, the real start lies in the 90 % interval as often as it says.

The loads, and what really happens to them, come from a small model of its own: it shares no code with the
simulation, and knows the distributions of which the forecast only has some runs. `make chaos` runs it with
ten thousand loads: ETA_LOADS says how many.
"""

from __future__ import annotations

import os
import random
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Final

from mission_control.model.definitions.named_limit import NamedLimit
from mission_control.model.definitions.task import parse_task
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.operate.simulation.experience import Experience
from mission_control.operate.simulation.forecast import forecast
from mission_control.operate.simulation.scenario import Scenario, Workers

NOW: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
LOADS: Final = int(os.environ.get("ETA_LOADS", "75"))
LIMIT: Final = "one-at-a-time"


@dataclass(frozen=True)
class Kind:
    """A task: the logarithm of how long its runs take has this mean and deviation."""

    name: str
    mean: float
    deviation: float
    is_limited: bool

    def takes(self, rng: random.Random, longer_than: float = 0.0) -> float:
        while True:
            found = rng.lognormvariate(self.mean, self.deviation)
            if found > longer_than:
                return found


@dataclass(frozen=True)
class Load:
    """Slots, runs that are running with their ages, and runs that wait, the first of them first."""

    slots: int
    kinds: list[Kind]
    running: list[tuple[Kind, float]]
    waiting: list[Kind]


def a_load(rng: random.Random) -> Load:
    slots = rng.randint(1, 4)
    kinds = [
        Kind(f"t{at}", rng.uniform(0, 4), rng.uniform(0.2, 1.0), at == 0 and rng.random() < 0.5)
        for at in range(rng.randint(1, 5))
    ]
    free = [kind for kind in kinds if not kind.is_limited] or [Kind("u", 2.0, 0.5, is_limited=False)]
    running = [(kind := rng.choice(free), kind.takes(rng) * rng.random()) for _ in range(slots)]
    waiting = [rng.choice(kinds) for _ in range(rng.randint(2, 25))]
    return Load(slots, list(dict.fromkeys([*kinds, *free])), running, waiting)  # the same in each process


def real_starts(load: Load, rng: random.Random) -> list[float]:
    """Return after how many seconds each waiting run starts: tasks take turns, as the queue lets them."""
    lanes: dict[str, deque[int]] = {}
    for at, kind in enumerate(load.waiting):
        lanes.setdefault(kind.name, deque()).append(at)
    turns, starts = deque(lanes), [0.0] * len(load.waiting)
    ends = [(kind.takes(rng, age) - age, -1 - at) for at, (kind, age) in enumerate(load.running)]
    ends.sort()
    held_back: deque[int] = deque()
    holder: int | None = None  # of the limit's only slot, or called to take it
    free = load.slots - len(ends)
    now = 0.0
    while True:
        while free and turns:
            name = turns.popleft()
            run = lanes[name].popleft()
            if lanes[name]:
                turns.append(name)
            if load.waiting[run].is_limited and holder not in {None, run}:
                held_back.append(run)
                continue
            holder = run if load.waiting[run].is_limited else holder
            free, starts[run] = free - 1, now
            heappush(ends, (now + load.waiting[run].takes(rng), run))
        if not ends:
            return starts
        now, ended = heappop(ends)
        free += 1
        if ended >= 0 and load.waiting[ended].is_limited:
            holder = held_back.popleft() if held_back else None
            if holder is not None:
                name = load.waiting[holder].name
                if not lanes[name]:
                    turns.append(name)
                lanes[name].append(holder)


def scenario_of(load: Load, rng: random.Random) -> Scenario:
    """Return what an installation knows of a load: not the distributions, but some runs of each task."""
    runs = [
        RunRecord(
            execution_id=f"{kind.name}@r{at}",
            task_id=kind.name,
            handler="h",
            scheduled_time=NOW,
            dispatched_at=NOW - timedelta(days=1),
            state=RunState.RUNNING,
            attempt=1,
            started_at=NOW - timedelta(seconds=age),
        )
        for at, (kind, age) in enumerate(load.running)
    ]
    runs += [
        RunRecord(
            execution_id=f"{kind.name}@w{at}",
            task_id=kind.name,
            handler="h",
            scheduled_time=NOW,
            dispatched_at=NOW - timedelta(hours=1) + timedelta(seconds=at),
            limits=[[LIMIT, 1]] if kind.is_limited else None,
        )
        for at, kind in enumerate(load.waiting)
    ]
    tasks = [
        parse_task({"id": kind.name, "handler": "handlers.hello.run", "schedule": "once 2030-01-01T00:00Z"})
        for kind in load.kinds
    ]
    known = {
        kind.name: Experience([kind.takes(rng) for _ in range(rng.randint(10, 30))]) for kind in load.kinds
    }
    return Scenario(
        now=NOW,
        tasks={task.id: task for task in tasks},
        due={},
        workers=[Workers(load.slots)],
        limits={LIMIT: NamedLimit(name=LIMIT, concurrency=1)},
        active=runs,
        known=known,
    )


def test_real_start_lies_in_the_90_percent_interval_in_85_to_95_percent_of_loads() -> None:
    within = by_p90 = by_p50 = 0
    for seed in range(LOADS):
        rng = random.Random(seed)
        load = a_load(rng)
        at = rng.randrange(len(load.waiting))
        name = f"{load.waiting[at].name}@w{at}"
        found = forecast(scenario_of(load, rng), [name], seed=seed)[name]
        assert found is not None
        assert found.p90 is not None
        assert found.latest is not None
        start = NOW + timedelta(seconds=real_starts(load, rng)[at])
        moment = timedelta(milliseconds=1)
        within += found.earliest - moment <= start <= found.latest + moment
        by_p90 += start <= found.p90 + moment
        by_p50 += start <= found.p50 + moment
    few = 0 if LOADS > 1_000 else 0.05  # so many could be outside by chance
    assert 0.85 - few <= within / LOADS <= 0.95 + few
    assert 0.85 - few <= by_p90 / LOADS <= 0.95 + few
    assert 0.45 - 2 * few <= by_p50 / LOADS <= 0.55 + 2 * few
