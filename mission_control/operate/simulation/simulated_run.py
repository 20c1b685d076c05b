"""A run in a simulation, and what runs of one kind have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.definitions.task_parts import RetryPolicy
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState


@dataclass(frozen=True)
class Work:
    """What the runs of a task, or one ad-hoc run, have in common."""

    task_id: str
    queue: str
    priority: int
    retry: RetryPolicy
    limits: tuple[tuple[str, int], ...]
    budgets: tuple[tuple[str, int, int], ...]
    params: Mapping[str, Any]
    timeout: float | None
    task: TaskDefinition | None

    @classmethod
    def of_task(cls, task: TaskDefinition) -> Work:
        """Return that of a task."""
        return cls(
            task.id,
            task.queue,
            task.priority,
            task.retry_policy,
            tuple((one.name, one.weight) for one in task.limits),
            tuple((name, usd, tokens) for name, usd, tokens in (one.of_run() for one in task.budgets)),
            task.params,
            task.timeout_seconds,
            task,
        )

    @classmethod
    def of_record(cls, run: RunRecord, task: TaskDefinition | None) -> Work:
        """Return that of a run as it was entered; its task may have changed since."""
        return cls(
            run.task_id,
            run.queue,
            run.priority,
            RetryPolicy.model_validate(run.retry_policy),
            tuple((name, weight) for name, weight in run.limits or ()),
            tuple((name, usd, tokens) for name, usd, tokens in run.budgets or ()),
            run.params,
            run.timeout_seconds,
            task,
        )

    @cached_property
    def step(self) -> int:
        """The priority as a Redis queue tells it apart: of ten levels, four are."""
        return self.priority // 3 if self.priority < 9 else 3  # noqa: PLR2004


class SimulatedRun:
    """A run: when it was due, and what became of it so far. Times are Unix seconds.

    `counts` says whether it is in the way of others of its task. `place` is the bucket of a limit that it
    waits in, `held` are its slots.
    """

    __slots__ = (
        "attempt",
        "counts",
        "due",
        "execution_id",
        "expires",
        "fails",
        "held",
        "is_called",
        "is_cancelled",
        "place",
        "pool",
        "ready",
        "reserved",
        "root",
        "spent",
        "state",
        "upstream",
        "work",
    )

    def __init__(self, work: Work, execution_id: str, due: float, root: str | None = None) -> None:
        self.work = work
        self.execution_id = execution_id
        self.due = self.ready = due
        self.root = execution_id if root is None else root
        self.upstream: tuple[str, ...] = ()
        self.attempt = 0
        self.expires: float | None = None
        self.state = RunState.DISPATCHED
        self.counts = self.fails = self.is_called = self.is_cancelled = False
        self.pool: Any = None
        self.place: Any = None
        self.held: list[Any] = []
        self.reserved: list[Any] = []
        self.spent: dict[str, int] = {}
