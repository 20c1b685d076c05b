"""What a due task needs, decided without touching anything: which occurrences fire, which are missed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from mission_control.registry.due_times import from_unix

if TYPE_CHECKING:
    from mission_control.definitions.schedules import ScheduleBase
    from mission_control.definitions.task import TaskDefinition

ON_TIME_WITHIN: Final = timedelta(seconds=30)
"""How late an occurrence may be fired and still count as on time: a change of leader takes 20 s."""

MOST_LISTED: Final = 1_000
"""How many occurrences of a backlog are at least looked at one by one; those before are missed as one."""


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
    backlog of more than `MOST_LISTED` (or `max_catch_up`) the oldest are missed together, in one record
    that says so. The time it takes is bounded, however long the downtime was.
    """
    if not task.enabled:
        return Decision((), None)
    first = from_unix(due) - spread
    if getattr(task.schedule, "is_fixed_delay", False):
        return Decision((Fire(first),), None)
    horizon = now - spread
    following = task.schedule.next_after(first)
    if following is None or following > horizon:
        action = _single(task, first, horizon - first)
        return Decision((action,), _due(following, spread))
    most = max(MOST_LISTED, task.misfire.max_catch_up)
    backlog = _backlog(task.schedule, first, horizon, most)
    actions = (*_unlisted(first, backlog), *_judge(task, backlog, horizon))
    return Decision(actions, _due(task.schedule.next_after(backlog[-1]), spread))


def _due(nominal: datetime | None, spread: timedelta) -> float | None:
    return None if nominal is None else (nominal + spread).timestamp()


def _single(task: TaskDefinition, moment: datetime, late: timedelta) -> Fire | Miss:
    if late <= ON_TIME_WITHIN:
        return Fire(moment)
    return _judge(task, [moment], moment + late)[0]


def _backlog(schedule: ScheduleBase, first: datetime, horizon: datetime, most: int) -> list[datetime]:
    """Return the occurrences from `first` to `horizon`, oldest first, of too many only the latest."""
    found: list[datetime] = []
    moment = schedule.previous_before(horizon + timedelta(microseconds=1))
    while moment is not None and moment >= first and len(found) < most:
        found.append(moment)
        moment = schedule.previous_before(moment)
    found.reverse()
    return found


def _unlisted(first: datetime, backlog: list[datetime]) -> tuple[Miss, ...]:
    if first >= backlog[0]:
        return ()
    return (
        Miss(first, f"this and every occurrence before {backlog[0].isoformat()}: nobody was there to fire"),
    )


def _judge(task: TaskDefinition, backlog: list[datetime], horizon: datetime) -> list[Fire | Miss]:
    """Apply the misfire policy to a backlog, given oldest first."""
    policy = task.misfire
    grace = max(timedelta(seconds=policy.grace_seconds), ON_TIME_WITHIN)
    allowed = {"latest": 1, "all": policy.max_catch_up, "skip": len(backlog)}[policy.policy]
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
        elif at < first_allowed and policy.policy == "latest":
            actions.append(Miss(moment, "misfire policy latest: a later occurrence was due"))
        elif at < first_allowed:
            actions.append(Miss(moment, f"more than max_catch_up={policy.max_catch_up} occurrences were due"))
        else:
            actions.append(Fire(moment, is_catch_up=late > ON_TIME_WITHIN))
    return actions


def _words(late: timedelta) -> str:
    return str(timedelta(seconds=int(late.total_seconds())))
