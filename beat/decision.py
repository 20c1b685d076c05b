"""What a due task needs, decided without touching anything: which occurrences fire, which are missed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

from mission_control.registry.due_times import from_unix

if TYPE_CHECKING:
    from mission_control.definitions.schedules import ScheduleBase
    from mission_control.definitions.task import TaskDefinition

ON_TIME_WITHIN: Final = timedelta(seconds=30)
"""How late an occurrence may be fired and still count as on time: a change of leader takes 20 s, and
nothing that falls due in it is a misfire."""

MOST_LISTED: Final = 1_000
"""How many occurrences of a backlog one decision looks at, unless the task may catch up more."""

MOST_RECORDED: Final = 10_000
"""About how many occurrences of a backlog are missed one by one; those before are missed as one."""


@dataclass(frozen=True, slots=True)
class Fire:
    """Run this occurrence; `is_catch_up` says that it comes late, after a time when nobody fired."""

    scheduled_time: datetime
    is_catch_up: bool = False


@dataclass(frozen=True, slots=True)
class Miss:
    """Record this occurrence as not run, and why."""

    scheduled_time: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done about a due task, oldest occurrence first, and when it is due again.

    `next_due` is in Unix seconds; None if the task has no further occurrence that is known now.
    """

    actions: tuple[Fire | Miss, ...]
    next_due: float | None


def decide(task: TaskDefinition, due: float, now: datetime, *, spread: timedelta = timedelta(0)) -> Decision:
    """Decide what a task needs whose stored due instant `due` (Unix seconds) is not after `now`.

    `spread` is how long after their nominal time the task's occurrences are due.

    Guarantees: every occurrence from `due` up to `now` is fired, or missed with a reason, once; of a
    backlog of many more than `MOST_RECORDED` the oldest are missed together, in one record that says so.
    The time it takes is bounded, however long the downtime was: of a long backlog the oldest are decided
    about first, and the task is due again at once for the rest.
    """
    if not task.enabled:
        return Decision((), None)
    first = from_unix(due) - spread
    if getattr(task.schedule, "is_fixed_delay", False):
        return Decision((Fire(first),), None)
    horizon = now - spread
    following = task.schedule.next_after(first)
    if following is None or following > horizon:
        return Decision(_judged(task, [first], horizon), _due(following, spread))
    most = max(MOST_LISTED, task.misfire.max_catch_up)
    backlog = _backlog(task.schedule, first, horizon, most)
    if first < backlog[0]:
        actions, following = _oldest(task, first, backlog[0], horizon)
        return Decision(actions, _due(following, spread))
    return Decision(_judged(task, backlog, horizon), _due(task.schedule.next_after(backlog[-1]), spread))


def _due(nominal: datetime | None, spread: timedelta) -> float | None:
    return None if nominal is None else (nominal + spread).timestamp()


def _judged(task: TaskDefinition, backlog: list[datetime], horizon: datetime) -> tuple[Fire | Miss, ...]:
    """Fire a backlog that is on time as a whole; what a downtime left is the misfire policy's affair."""
    if horizon - backlog[0] <= ON_TIME_WITHIN:
        return tuple(Fire(moment) for moment in backlog)
    policy = task.misfire
    allowed = {"latest": 1, "all": policy.max_catch_up, "skip": len(backlog)}[policy.policy]
    return tuple(_by_policy(task, backlog, horizon, allowed=allowed))


def _backlog(schedule: ScheduleBase, first: datetime, horizon: datetime, most: int) -> list[datetime]:
    """Return the occurrences from `first` to `horizon`, oldest first, of too many only the latest."""
    found: list[datetime] = []
    moment = schedule.previous_before(horizon + timedelta(microseconds=1))
    while moment is not None and moment >= first and len(found) < most:
        found.append(moment)
        moment = schedule.previous_before(moment)
    found.reverse()
    return found


def _oldest(
    task: TaskDefinition, first: datetime, end: datetime, horizon: datetime
) -> tuple[tuple[Fire | Miss, ...], datetime | None]:
    """Miss the oldest occurrences before `end`, all of which are; return them and the next one's time."""
    schedule = task.schedule
    coming = schedule.occurrences(first, end - timedelta(microseconds=1))
    oldest = [first, *islice(coming, MOST_LISTED - 1)]
    span = (oldest[-1] - first) / len(oldest) * MOST_RECORDED
    following = schedule.next_after(end - span)
    if span and following is not None and following > oldest[-1]:
        return (
            Miss(first, f"this and all before {following.isoformat()}: nobody was there to fire"),
        ), following
    return tuple(_by_policy(task, oldest, horizon, allowed=0)), schedule.next_after(oldest[-1])


def _by_policy(
    task: TaskDefinition, backlog: list[datetime], horizon: datetime, *, allowed: int
) -> list[Fire | Miss]:
    """Apply the misfire policy to a backlog, given oldest first, of which the last `allowed` may run."""
    policy = task.misfire
    grace = max(timedelta(seconds=policy.grace_seconds), ON_TIME_WITHIN)
    first_allowed = len(backlog) - allowed
    actions: list[Fire | Miss] = []
    for at, moment in enumerate(backlog):
        late = horizon - moment
        if policy.policy == "skip" and late > ON_TIME_WITHIN:
            actions.append(Miss(moment, f"misfire policy skip: nobody fired it for {_words(late)}"))
        elif late > grace:
            actions.append(
                Miss(moment, f"noticed {_words(late)} late, past grace_seconds={grace.total_seconds():g}")
            )
        elif at < first_allowed and policy.policy == "all":
            actions.append(Miss(moment, f"more than max_catch_up={policy.max_catch_up} occurrences were due"))
        elif at < first_allowed:
            actions.append(Miss(moment, "misfire policy latest: a later occurrence was due"))
        else:
            actions.append(Fire(moment, is_catch_up=late > ON_TIME_WITHIN))
    return actions


def _words(late: timedelta) -> str:
    return str(timedelta(seconds=int(late.total_seconds())))
