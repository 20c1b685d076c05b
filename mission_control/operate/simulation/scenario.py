"""What a simulation begins with: plain values, without any way to Redis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mission_control.model.definitions.named_budget import Budget
from mission_control.model.definitions.named_limit import NamedLimit
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.pause import PauseLayer
from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.model.runs.run_record import RunRecord
from mission_control.operate.simulation.experience import Experience

Spans = Mapping[str, Mapping[str, Sequence[tuple[int, int]]]]


@dataclass(frozen=True, slots=True)
class Workers:
    """Workers that run `slots` runs at a time, from the queues that they serve; None for all queues."""

    slots: int
    queues: frozenset[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """The tasks and resources at `now`, the runs that are active then, and how earlier runs went.

    `due` is when each task is due next, in Unix seconds, `arrivals` the arrival time of each bucket of a
    limit, by its name and value, `spent` what is spent of budgets, by name and unit, `reserved` what runs
    have reserved, by budget, run and unit. `hand_over` is how many seconds a slot that is free takes to begin
    the next run. `failures` is how many runs of a task have failed in a row.
    `assumptions` say in words what is not known.
    """

    now: datetime
    tasks: Mapping[str, TaskDefinition]
    due: Mapping[str, float]
    workers: Sequence[Workers]
    limits: Mapping[str, NamedLimit] = field(default_factory=dict)
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    layers: Sequence[PauseLayer] = ()
    changed: Sequence[ChangedOccurrence] = ()
    active: Sequence[RunRecord] = ()
    arrivals: Mapping[tuple[str, str], float] = field(default_factory=dict)
    spent: Spans = field(default_factory=dict)
    reserved: Mapping[str, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    known: Mapping[str, Experience] = field(default_factory=dict)
    hand_over: float = 0.0
    default: Experience = Experience()  # noqa: RUF009  # frozen
    assumptions: Sequence[str] = ()
