"""What a due task needs, decided without touching anything: which occurrences fire, which are missed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

from mission_control.registry.due_times import due_after, nominal_time, spread_of

if TYPE_CHECKING:
    from mission_control.definitions.task import TaskDefinition

ON_TIME_WITHIN: Final = timedelta(seconds=30)
"""How late an occurrence may be fired and still count as on time: a change of leader takes 20 s."""

MAX_OCCURRENCES: Final = 1_000
"""How many occurrences one decision covers; the rest stays due for the next one."""


@dataclass(frozen=True)
class Fire:
    """Run this occurrence."""

    scheduled_time: datetime


@dataclass(frozen=True)
class Miss:
    """Record this occurrence as not run, and why."""

    scheduled_time: datetime
    reason: str


@dataclass(frozen=True)
class Decision:
    """What is to be done about a due task, oldest occurrence first, and when it is due again.

    `next_due` is in Unix seconds; None if the task has no further occurrence that is known now.
    """

    actions: tuple[Fire | Miss, ...]
    next_due: float | None


def decide(task: TaskDefinition, due: float, now: datetime) -> Decision:
    """Decide what a task needs whose stored due instant `due` (Unix seconds) is not after `now`.

    Guarantees: every occurrence from `due` up to `now` is either fired or missed with a reason, or is
    at or after `next_due`; none appears twice.
    """
    if not task.enabled:
        return Decision((), None)
    first = nominal_time(task, due)
    if getattr(task.schedule, "is_fixed_delay", False):
        return Decision((Fire(first),), None)
    horizon = now - spread_of(task)
    found = [first, *islice(task.schedule.occurrences(first, horizon), MAX_OCCURRENCES)]
    covered, rest = found[:MAX_OCCURRENCES], found[MAX_OCCURRENCES:]
    fire_from = _first_to_fire(task, covered[-1] if not rest else None, horizon)
    actions = tuple(_action(task, moment, fire_from, horizon) for moment in covered)
    next_due = (rest[0] + spread_of(task)).timestamp() if rest else due_after(task, now)
    return Decision(actions, next_due)


def _first_to_fire(task: TaskDefinition, latest: datetime | None, horizon: datetime) -> datetime:
    """Return the earliest occurrence that the misfire policy lets fire."""
    if task.misfire.policy == "skip":
        return horizon - ON_TIME_WITHIN
    if latest is None:
        latest = task.schedule.previous_before(horizon + timedelta(microseconds=1))
    if latest is None:
        return horizon
    oldest_allowed = horizon - max(timedelta(seconds=task.misfire.grace_seconds), ON_TIME_WITHIN)
    wanted = (
        latest if task.misfire.policy == "latest" else _nth_before(task, latest, task.misfire.max_catch_up)
    )
    return max(wanted, oldest_allowed)


def _nth_before(task: TaskDefinition, latest: datetime, count: int) -> datetime:
    """Return the oldest of the `count` occurrences that end with `latest`."""
    oldest = latest
    for _ in range(count - 1):
        before = task.schedule.previous_before(oldest)
        if before is None:
            return oldest
        oldest = before
    return oldest


def _action(task: TaskDefinition, moment: datetime, fire_from: datetime, horizon: datetime) -> Fire | Miss:
    if moment >= fire_from:
        return Fire(moment)
    late = horizon - moment
    if task.misfire.policy == "skip":
        return Miss(moment, f"misfire policy is skip and nobody fired it for {_words(late)}")
    if late > timedelta(seconds=task.misfire.grace_seconds):
        return Miss(
            moment, f"noticed {_words(late)} late, past the grace of {task.misfire.grace_seconds:g} s"
        )
    if task.misfire.policy == "all":
        return Miss(moment, f"more than max_catch_up={task.misfire.max_catch_up} occurrences were due")
    return Miss(moment, "misfire policy is latest and a later occurrence was due")


def _words(late: timedelta) -> str:
    return str(timedelta(seconds=int(late.total_seconds())))
