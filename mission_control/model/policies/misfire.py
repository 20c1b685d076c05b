"""What a due task needs, decided without touching anything: which occurrences fire, which are missed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Final

from mission_control.model.definitions.schedules import ScheduleBase
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.runs.cause import Cause, together_reason
from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.model.values.instants import from_unix

ON_TIME_WITHIN: Final = timedelta(seconds=30)
"""How late the newest occurrence may be fired and still count as on time: a change of leader takes 20 s, and
then the one pending occurrence of each task must run."""

MOST_AT_ONCE: Final = 500
"""How many occurrences of a backlog one decision is about."""

MOST_RECORDED: Final = 10_000
"""About how many occurrences of a backlog are missed one by one; those before are missed as one."""

MISFIRE: Final = Cause("misfire")

_MINUTE: Final = timedelta(minutes=1)
_ROUNDING: Final = timedelta(milliseconds=1)
"""How far a stored due instant may be from its occurrence: another tool may have rounded it."""


@dataclass(frozen=True, slots=True)
class Fire:
    """Run this occurrence; `is_catch_up` says that it is not on time, and runs by the policy.

    `moved_to` is when it runs instead of at its own time, None for an occurrence that was not moved. `seen`
    is what its condition compares with the last run that succeeded.
    """

    scheduled_time: datetime
    is_catch_up: bool = False
    moved_to: datetime | None = None
    seen: str | None = None

    @property
    def due(self) -> datetime:
        """When it should run."""
        return self.scheduled_time if self.moved_to is None else self.moved_to


@dataclass(frozen=True, slots=True)
class Miss:
    """Record this occurrence as not run, and why; `stands_for_others` that are not recorded one by one."""

    scheduled_time: datetime
    reason: str
    cause: Cause = MISFIRE
    stands_for_others: bool = False


@dataclass(frozen=True, slots=True)
class Skip:
    """Record this occurrence as skipped on purpose, and why.

    `idle_from`: it is worth the notice `idle` from so many skips in a row on, None for never. `seen` is what
    a built-in condition saw.
    """

    scheduled_time: datetime
    reason: str
    cause: Cause
    idle_from: int | None = None
    seen: str | None = None


Action = Fire | Miss | Skip


@dataclass(frozen=True, slots=True)
class Decision:
    """What a due task needs, oldest occurrence first, and when it is due again.

    `next_due` is in Unix seconds; None if the task has no further occurrence that is known now. `applied` are
    changes of single occurrences that the decision has taken into account for good.
    """

    actions: tuple[Action, ...]
    next_due: float | None
    applied: tuple[ChangedOccurrence, ...] = ()


def decide(
    task: TaskDefinition,
    due: float,
    now: datetime,
    *,
    spread: timedelta = timedelta(0),
    most: int = MOST_AT_ONCE,
) -> Decision:
    """Decide what a task needs whose stored due instant `due` (Unix seconds) is not after `now`.

    An occurrence is on time, and fires, while its successor is not due, at most `ON_TIME_WITHIN`. The task's
    misfire policy decides about all older ones. `spread` is how long after their nominal time the task's
    occurrences are due. At most `most` of them are decided about.

    Guarantees: every occurrence from `due` up to `now` is fired, or missed with a reason, once; of a
    backlog of many more than `MOST_RECORDED` the oldest are missed together, in one record that says so.
    The time it takes is bounded, however long the downtime was: of a long backlog the oldest are decided
    about first, and the task is due again at once for the rest. A due instant that is no occurrence, as
    `save()` of RedBeat may leave it, fires nothing.
    """
    if not task.enabled:
        return Decision((), None)
    stored, horizon = from_unix(due) - spread, now - spread
    if task.schedule.is_fixed_delay:
        return Decision((Fire(stored),), None)
    first = _occurrence_at(task.schedule, stored)
    if first is None:
        return Decision((), _due(task.schedule.next_after(stored), spread))
    found = [first, *islice(task.schedule.occurrences(first, horizon), most)]
    if len(found) > most:
        actions, following = _oldest(task, found, horizon)
    else:
        actions, following = _all(task, found, horizon), task.schedule.next_after(found[-1])
    return Decision(actions, _due(following, spread))


def withheld(
    task: TaskDefinition,
    decision: Decision,
    now: datetime,
    reason: str,
    cause: Cause = MISFIRE,
    unfired: type[Miss | Skip] = Miss,
) -> Decision:
    """Return the same decision with every occurrence missed, or skipped.

    A fixed delay is then counted from `now`.
    """
    actions = tuple(unfired(action.scheduled_time, reason, cause) for action in decision.actions)
    next_due = decision.next_due
    if task.schedule.is_fixed_delay:  # no end of a run sets it
        next_due = _due(task.schedule.next_after(now), timedelta(0))
    return replace(decision, actions=actions, next_due=next_due)


def decide_moved(
    task: TaskDefinition, scheduled_time: datetime, to: datetime, horizon: datetime
) -> Fire | Miss:
    """Decide about an occurrence that was moved to `to`, which is not after `horizon` (now, without spread).

    It is on time within `ON_TIME_WITHIN`; the misfire policy decides about one that is later.
    """
    late, following = horizon - to, task.schedule.next_after(to)
    if late <= ON_TIME_WITHIN:
        return Fire(scheduled_time, moved_to=to)
    may_run = task.misfire.policy == "all" or following is None or following > horizon
    action = _late(task, scheduled_time, late, may_run=may_run)
    return replace(action, moved_to=to) if isinstance(action, Fire) else action


def _due(nominal: datetime | None, spread: timedelta) -> float | None:
    return None if nominal is None else (nominal + spread).timestamp()


@lru_cache(maxsize=1_024)
def _occurrence_at(schedule: ScheduleBase, moment: datetime) -> datetime | None:
    """Return the occurrence that is stored as `moment`; cached, because herds are due at one instant."""
    last = schedule.previous_before(moment + _ROUNDING)
    return last if last is not None and last > moment - _ROUNDING else None


def _all(task: TaskDefinition, backlog: list[datetime], horizon: datetime) -> tuple[Fire | Miss, ...]:
    """Decide about all that is due."""
    newest = backlog[-1]
    is_on_time = horizon - newest <= ON_TIME_WITHIN
    late = backlog[:-1] if is_on_time else backlog
    first_to_run = max(0, len(late) - _most_late(task, is_on_time=is_on_time))
    actions = [
        _late(task, moment, horizon - moment, may_run=at >= first_to_run) for at, moment in enumerate(late)
    ]
    return (*actions, Fire(newest)) if is_on_time else tuple(actions)


def _most_late(task: TaskDefinition, *, is_on_time: bool) -> int:
    """Return how many late occurrences the policy may run, if the newest of all is on time or not."""
    policy = task.misfire
    return {"latest": 0 if is_on_time else 1, "all": policy.max_catch_up, "skip": 0}[policy.policy]


def _oldest(
    task: TaskDefinition, found: list[datetime], horizon: datetime
) -> tuple[tuple[Fire | Miss, ...], datetime | None]:
    """Decide about the oldest of `found`, beyond which there are more; return when the next is due."""
    *late, last = found
    first_to_run = _first_to_run(task, horizon)
    span = (last - late[0]) / len(late) * MOST_RECORDED
    recorded_from = task.schedule.next_after(min(horizon - span, first_to_run - timedelta.resolution))
    if recorded_from is not None and recorded_from > last:
        reason = together_reason(recorded_from)
        return (Miss(late[0], reason, stands_for_others=True),), recorded_from
    return tuple(
        _late(task, moment, horizon - moment, may_run=moment >= first_to_run) for moment in late
    ), last


def _first_to_run(task: TaskDefinition, horizon: datetime) -> datetime:
    """Return the oldest occurrence that may still run, to the minute if very many may."""
    after = horizon + timedelta.resolution
    newest = task.schedule.previous_before(after)
    is_on_time = newest is not None and horizon - newest <= ON_TIME_WITHIN
    count = _most_late(task, is_on_time=is_on_time) + is_on_time
    if count <= MOST_AT_ONCE:
        return _nth_before(task.schedule, after, count)
    # Occurrences up to the next full minute count as due, so the answer is never too early.
    return _nth_before_cached(task.schedule, horizon.replace(second=0, microsecond=0) + _MINUTE, count)


def _late(task: TaskDefinition, moment: datetime, late: timedelta, *, may_run: bool) -> Fire | Miss:
    policy = task.misfire
    if policy.policy == "skip":
        return Miss(moment, f"misfire policy skip: not fired for {_words(late)}")
    if late > timedelta(seconds=policy.grace_seconds):
        return Miss(moment, f"noticed {_words(late)} late, past grace_seconds={policy.grace_seconds:g}")
    if may_run:
        return Fire(moment, is_catch_up=True)
    if policy.policy == "all":
        return Miss(moment, f"more than max_catch_up={policy.max_catch_up} occurrences were due")
    return Miss(moment, "misfire policy latest: a later occurrence was due")


def _nth_before(schedule: ScheduleBase, moment: datetime, count: int) -> datetime:
    """Return the occurrence that is `count` occurrences before `moment`, or the first there is."""
    found = moment
    for _ in range(count):
        before = schedule.previous_before(found)
        if before is None:
            break
        found = before
    return found


_nth_before_cached = lru_cache(maxsize=256)(_nth_before)


def _words(late: timedelta) -> str:
    whole = timedelta(seconds=int(late.total_seconds()))
    return str(whole) if whole >= _MINUTE else f"{late.total_seconds():.3g} s"
