"""What a due task needs, decided without touching anything: which occurrences fire, which are missed."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from itertools import islice
from typing import Final

from mission_control.model.definitions.schedules import ScheduleBase
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.values.instants import from_unix

ON_TIME_WITHIN: Final = timedelta(seconds=30)
"""How late an occurrence may be fired and still count as on time: a change of leader takes 20 s, which must
not cause misfires."""

MOST_AT_ONCE: Final = 500
"""How many occurrences of a backlog one decision is about."""

MOST_RECORDED: Final = 10_000
"""About how many occurrences of a backlog are missed one by one; those before are missed as one."""

_MINUTE: Final = timedelta(minutes=1)
_ROUNDING: Final = timedelta(milliseconds=1)
"""How far a stored due instant may be from its occurrence: another tool may have rounded it."""


@dataclass(frozen=True, slots=True)
class Fire:
    """Run this occurrence; `is_catch_up` says that it comes late, after a time without a beat."""

    scheduled_time: datetime
    is_catch_up: bool = False


@dataclass(frozen=True, slots=True)
class Miss:
    """Record this occurrence as not run, and why."""

    scheduled_time: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What a due task needs, oldest occurrence first, and when it is due again.

    `next_due` is in Unix seconds; None if the task has no further occurrence that is known now.
    """

    actions: tuple[Fire | Miss, ...]
    next_due: float | None


def decide(
    task: TaskDefinition,
    due: float,
    now: datetime,
    *,
    spread: timedelta = timedelta(0),
    on_time_within: timedelta = ON_TIME_WITHIN,
    most: int = MOST_AT_ONCE,
) -> Decision:
    """Decide what a task needs whose stored due instant `due` (Unix seconds) is not after `now`.

    `spread` is how long after their nominal time the task's occurrences are due. At most `most` of them
    are decided about.

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
    rules = _Rules(task, horizon, on_time_within)
    if len(found) > most:
        actions, following = _oldest(rules, found)
    else:
        actions, following = rules.of_all(found), task.schedule.next_after(found[-1])
    return Decision(actions, _due(following, spread))


def withheld(task: TaskDefinition, decision: Decision, now: datetime, reason: str) -> Decision:
    """Return the same decision with every occurrence missed; a fixed delay is then counted from `now`."""
    actions = tuple(Miss(action.scheduled_time, reason) for action in decision.actions)
    next_due = decision.next_due
    if task.schedule.is_fixed_delay:  # no end of a run sets it
        next_due = _due(task.schedule.next_after(now), timedelta(0))
    return Decision(actions, next_due)


def _due(nominal: datetime | None, spread: timedelta) -> float | None:
    return None if nominal is None else (nominal + spread).timestamp()


@lru_cache(maxsize=1_024)
def _occurrence_at(schedule: ScheduleBase, moment: datetime) -> datetime | None:
    """Return the occurrence that is stored as `moment`; cached, because herds are due at one instant."""
    last = schedule.previous_before(moment + _ROUNDING)
    return last if last is not None and last > moment - _ROUNDING else None


def _oldest(rules: _Rules, found: list[datetime]) -> tuple[tuple[Fire | Miss, ...], datetime | None]:
    """Decide about the oldest of `found`, beyond which there are more; return when the next is due."""
    first, last = found[0], found[-1]
    span = (last - first) / (len(found) - 1) * MOST_RECORDED
    recorded_after = min(rules.horizon - span, rules.first_to_run - timedelta.resolution)
    recorded_from = rules.task.schedule.next_after(recorded_after)
    if recorded_from is not None and recorded_from > last:
        reason = f"this and all before {recorded_from.isoformat()}: no beat fired them"
        return (Miss(first, reason),), recorded_from
    # The rest is decided about a moment later, and must still count as late then.
    late = bisect_right(found, rules.horizon - rules.on_time_within - _MINUTE)
    count = min(late, len(found) - 1) if late else len(found) - 1
    return rules.of_some(found[:count]), found[count]


class _Rules:
    """A task's misfire policy, applied to occurrences up to `horizon`."""

    def __init__(self, task: TaskDefinition, horizon: datetime, on_time_within: timedelta) -> None:
        self.task = task
        self.horizon = horizon
        self.on_time_within = on_time_within
        self._grace = max(timedelta(seconds=task.misfire.grace_seconds), on_time_within)

    def of_all(self, backlog: list[datetime]) -> tuple[Fire | Miss, ...]:
        """Decide about all that is due; the policy applies only if the oldest is late."""
        if self.horizon - backlog[0] <= self.on_time_within:
            return tuple(Fire(moment) for moment in backlog)
        policy = self.task.misfire
        allowed = {"latest": 1, "all": policy.max_catch_up, "skip": len(backlog)}[policy.policy]
        first_to_run = len(backlog) - allowed
        return tuple(self._of(moment, may_run=at >= first_to_run) for at, moment in enumerate(backlog))

    def of_some(self, oldest: list[datetime]) -> tuple[Fire | Miss, ...]:
        """Decide about the oldest of a backlog that has more."""
        first_to_run = self.first_to_run
        return tuple(self._of(moment, may_run=moment >= first_to_run) for moment in oldest)

    @cached_property
    def first_to_run(self) -> datetime:
        """The oldest occurrence that the policy may still run, to the minute if it may run very many."""
        policy, schedule = self.task.misfire, self.task.schedule
        if policy.policy == "skip":
            return self.horizon - self.on_time_within
        if policy.policy == "latest" or policy.max_catch_up == 0:
            newest = schedule.previous_before(self.horizon + timedelta.resolution)
            none = self.horizon + timedelta.resolution
            return none if newest is None or policy.policy == "all" else newest
        if policy.max_catch_up <= MOST_AT_ONCE:
            return _nth_before(schedule, self.horizon + timedelta.resolution, policy.max_catch_up)
        # Occurrences up to the next full minute count as due, so the answer is never too early.
        full_minute_after = self.horizon.replace(second=0, microsecond=0) + _MINUTE
        return _nth_before_cached(schedule, full_minute_after, policy.max_catch_up)

    def _of(self, moment: datetime, *, may_run: bool) -> Fire | Miss:
        policy, late = self.task.misfire, self.horizon - moment
        if policy.policy == "skip" and late > self.on_time_within:
            return Miss(moment, f"misfire policy skip: not fired for {_words(late)}")
        if late > self._grace:
            seconds = self._grace.total_seconds()
            return Miss(moment, f"noticed {_words(late)} late, past grace_seconds={seconds:g}")
        if may_run:
            return Fire(moment, is_catch_up=late > self.on_time_within)
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
    return str(timedelta(seconds=int(late.total_seconds())))
