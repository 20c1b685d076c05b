"""When runs are expected to start: many possible courses of events from the same present."""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from mission_control.model.definitions.due_times import due_after, spread_of
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.misfire import Decision, Miss, Skip
from mission_control.model.values.identifiers import occurrence_execution_id, task_of_run
from mission_control.model.values.instants import format_instant, from_unix
from mission_control.operate.simulation.active_runs import ActiveRun, active_runs, enter_active
from mission_control.operate.simulation.beat_decisions import Memo
from mission_control.operate.simulation.engine import Engine
from mission_control.operate.simulation.scenario import Scenario
from mission_control.operate.simulation.simulated_run import SimulatedRun

_COURSES: Final = (99, 39, 19)
"""How many courses: of so many, the 5th, 50th, 90th and 95th percentile is one of them exactly."""

_MOST_STEPS: Final = 6_000
"""How many steps a course has at most, which is some thousands of runs ahead."""

_AIM: Final = 45_000
"""How many steps all courses together should have: about 0.4 s."""

_LATEST: Final = timedelta(days=30)
_FAR: Final = timedelta(hours=2)
_WARM_UP: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Estimate:
    """When a run is expected to start: by `p50` in half of all courses of events, by `p90` in 90 %.

    In 90 % of them it starts from `earliest` to `latest`. None: in so many it does not start in time.
    """

    earliest: datetime
    p50: datetime
    p90: datetime | None
    latest: datetime | None

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        names = ("earliest", "p50", "p90", "latest")
        found = {name: getattr(self, name) for name in names}
        return {name: None if at is None else format_instant(at) for name, at in found.items()}


class _Starts:
    """A witness of when some runs start, each attempt that begins first; never, if they end without."""

    def __init__(self, wanted: Collection[str]) -> None:
        self._wanted = frozenset(wanted)
        self._tasks = frozenset(map(task_of_run, wanted))
        self.found: dict[str, float] = {}

    def are_all_seen(self) -> bool:
        return len(self.found) == len(self._wanted)

    def fired(self, now: float) -> None:
        """Wait for its start."""

    def held_up(self, by: str) -> None:
        """Wait for its start."""

    def unfired(self, task_id: str, action: Miss | Skip) -> None:
        if task_id in self._tasks:
            self._note(occurrence_execution_id(task_id, action.scheduled_time), math.inf)

    def started(self, run: SimulatedRun, now: float) -> None:
        self._note(run.execution_id, now)

    def ended(self, run: SimulatedRun, _now: float) -> None:
        self._note(run.execution_id, math.inf)

    def _note(self, execution_id: str, at: float) -> None:
        if execution_id in self._wanted:
            self.found.setdefault(execution_id, at)


def forecast(scenario: Scenario, wanted: Collection[str], *, seed: int = 0) -> dict[str, Estimate | None]:
    """Return when runs are expected to start: active ones that wait, and occurrences to come, by their ids.

    None for one that is not expected to start, or is too far ahead to tell. The same scenario and seed give
    the same answer. Takes about half a second for a thousand waiting runs, and never more than a few times
    that.
    """
    active, memo = active_runs(scenario), dict[tuple[str, float], Decision]()

    def course(number: int) -> tuple[Mapping[str, float], int]:
        return _course(scenario, active, wanted, memo, seed + number)

    first, steps = course(0)
    if not first:  # all of them are farther ahead than the steps of a course reach
        return dict.fromkeys(wanted)
    courses = next((one for one in _COURSES if one * steps <= _AIM), _COURSES[-1])
    others = (course(number)[0] for number in range(1, courses))
    starts: dict[str, list[float]] = {name: [] for name in wanted}
    for found in (first, *others):
        for name, times in starts.items():
            times.append(found.get(name, math.inf))
    return {name: _estimate(sorted(times)) for name, times in starts.items()}


def forecast_occurrence(
    scenario: Scenario, task: TaskDefinition, scheduled: datetime, due: datetime
) -> Estimate | None:
    """Return when an occurrence to come that is due at a time is expected to start.

    What is far off is simulated from an hour before it: what is active now is taken to have ended by then.
    """
    begin = due + spread_of(task) - _WARM_UP
    if begin - scenario.now > _FAR - _WARM_UP:
        found = {one.id: due_after(one, begin) for one in scenario.tasks.values()}
        known = {name: at for name, at in found.items() if at is not None}
        known[task.id] = min(known.get(task.id, math.inf), (begin + _WARM_UP).timestamp())
        scenario = replace(scenario, now=begin, due=known, active=(), reserved={})
    name = occurrence_execution_id(task.id, scheduled)
    return forecast(scenario, [name])[name]


def _course(
    scenario: Scenario, active: Sequence[ActiveRun], wanted: Collection[str], memo: Memo, seed: int
) -> tuple[Mapping[str, float], int]:
    starts = _Starts(wanted)
    engine = Engine(scenario, random.Random(seed), starts, memo)  # noqa: S311  # nothing secret
    enter_active(engine, active)
    until = (scenario.now + _LATEST).timestamp()
    engine.advance(until, most=_MOST_STEPS, is_over=starts.are_all_seen)
    return starts.found, engine.events


def _estimate(times: list[float]) -> Estimate | None:
    """Return the percentiles of start times in order, of which one more course would be any as likely."""

    def at(percent: int) -> datetime | None:
        found = times[math.ceil(percent * (len(times) + 1) / 100) - 1]
        return None if math.isinf(found) else from_unix(found)

    earliest, middle = at(5), at(50)
    return None if earliest is None or middle is None else Estimate(earliest, middle, at(90), at(95))
