"""Decides what the holder of a grant may change, and when that takes an approval."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import islice, pairwise
from typing import Any, Final

from mission_control.model.definitions.due_times import due_after
from mission_control.model.definitions.grant import Grant
from mission_control.model.definitions.schedules.clock.wall_clock import last_instant
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.grant_needs import need_words, needs_a_day
from mission_control.model.problems.secret_references import refers_to_secret
from mission_control.model.problems.suggestions import quoted
from mission_control.model.values.instants import format_instant

MOST_RETRIES: Final = 10
_LOOKED_AT: Final = 20_000
_DAY: Final = timedelta(days=1)
_FREE: Final = frozenset(
    {
        *("id", "name", "description", "schedule", "handler", "enabled", "metadata", "execution_history"),
        *("retry_policy", "params", "secret", "timeout_seconds", "expires_seconds", "misfire", "overlap"),
        *("queue_limit", "after", "join", "condition", "deadline", "pause_after_failures", "probe_after"),
        *("tags", "fresh_process"),
    }
)
"""The fields that a holder may give. In all others its tasks are as if they were left out."""


@dataclass(frozen=True)
class Change:
    """What a holder asks for: `apply` makes `before` into `task`, None for no task."""

    tool: str
    task_id: str
    task: TaskDefinition | None = None
    before: TaskDefinition | None = None
    params: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Usage:
    """The holder's tasks that have not expired, and those that have; `named` are those of the request.

    `costs` has what a run of a task has spent on average, in dollars, as far as that is known.
    """

    tasks: Mapping[str, TaskDefinition]
    expired: AbstractSet[str] = frozenset()
    named: AbstractSet[str] = frozenset()
    costs: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Allow:
    """The change may be made."""


@dataclass(frozen=True)
class Refuse:
    """The change may not be made."""

    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Ask:
    """The change may be made when a person has allowed it."""

    reason: str


def decide_grant(grant: Grant, change: Change, usage: Usage, now: datetime) -> Allow | Refuse | Ask:
    """Decide about a change; `usage` is what the holder has, this change not counted."""
    reason = _not_granted(grant, change, usage, now)
    if reason is not None:
        return Refuse((reason,))
    if change.tool != "apply" or change.task is None:
        return Allow()
    return _decide_task(grant, change, change.task, usage, now)


def _not_granted(grant: Grant, change: Change, usage: Usage, now: datetime) -> str | None:
    if now >= grant.expires:
        return f"the grant has expired at {format_instant(grant.expires)}"
    if change.tool not in grant.tools:
        return f"{change.tool} is not granted; granted: {', '.join(grant.tools)}"
    if change.before is not None and change.before.owner != grant.owner:
        return f"{quoted(change.task_id)} is no task of this grant"
    if change.tool == "run" and change.task_id in usage.expired:
        return f"{change.task_id} has expired; apply it again to renew it"
    if refers_to_secret(change.params):
        return "params: a reference to a secret is not granted"
    return None


def _decide_task(
    grant: Grant, change: Change, task: TaskDefinition, usage: Usage, now: datetime
) -> Allow | Refuse | Ask:
    others = {one: found for one, found in usage.tasks.items() if one != task.id}
    reasons = list(_unbounded(grant, task, others.keys() | usage.expired | usage.named, now))
    if len(others) >= grant.max_tasks:
        reasons.append(
            f"the quota of {grant.max_tasks} tasks is used up; remove one, or wait until one expires"
        )
    if reasons:
        return Refuse(tuple(reasons))
    return _asks(grant, change, {**others, task.id: task}, usage.costs, now)


def _asks(
    grant: Grant,
    change: Change,
    tasks: Mapping[str, TaskDefinition],
    costs: Mapping[str, float],
    now: datetime,
) -> Allow | Refuse | Ask:
    if not grant.thresholds:
        return Allow()
    others = {name: one for name, one in tasks.items() if name != change.task_id}
    before = others if change.before is None else {**others, change.task_id: change.before}
    wanted = needs_a_day(tasks, grant, costs, now)
    had = needs_a_day(before, grant, costs, now)
    for unit, most in grant.thresholds.items():
        if wanted[unit] > most and (change.before is None or wanted[unit] > had[unit]):
            return Ask(need_words(unit, wanted[unit], most))
    return Allow()


def bounded(grant: Grant, task: TaskDefinition, now: datetime) -> dict[str, Any]:
    """Return a definition as it is registered for a holder: with owner and budget, until it expires."""
    found = {**task.to_dict(), "owner": grant.owner}
    found["budgets"] = [] if grant.budget is None else [_use(grant, task)]
    if task.schedule.has_occurrences:
        end = grant.task_end(now)
        given = task.schedule.end
        if given is None or last_instant(given, task.schedule.zone) > end:
            found["schedule"] = {**found["schedule"], "end": format_instant(end)}
    return found


def as_given(shown: Mapping[str, Any], expires: datetime | None) -> dict[str, Any]:
    """Return a task of a holder as it may be given to renew it, without what `bounded` has added."""
    found = {name: one for name, one in shown.items() if name != "owner"}
    if found.get("budgets") in ([], [shown.get("owner")]):
        del found["budgets"]
    schedule = found.get("schedule")
    if schedule and expires is not None and schedule.get("end") == format_instant(expires):
        found["schedule"] = {name: one for name, one in schedule.items() if name != "end"}
    return found


def _use(grant: Grant, task: TaskDefinition) -> dict[str, Any] | str:
    given = next((one for one in task.budgets if one.name == grant.owner), None)
    return grant.owner if given is None else given.model_dump(mode="json")


def _unbounded(grant: Grant, task: TaskDefinition, own: AbstractSet[str], now: datetime) -> Iterator[str]:
    """Yield in what a task goes beyond a grant."""
    if not grant.has_handler(task.handler):
        yield f"handler: {task.handler} is not granted; granted: {', '.join(grant.handlers)}"
    given, bare = task.to_dict(), _bare()
    ours = {"owner": grant.owner, "budgets": [grant.owner]}
    for name in given.keys() - _FREE:
        if name == "budgets" and all(one.name == grant.owner for one in task.budgets):
            continue
        if given[name] not in (bare.get(name), ours.get(name)):
            yield f"{name}: is not granted; leave it out"
    condition = task.condition
    if condition is not None and condition.handler is not None and not grant.has_handler(condition.handler):
        yield f"condition: {condition.handler} is not granted"
    for one in task.after:
        if one.task not in own:
            yield f"after: {quoted(one.task)} is no task of this grant"
    if task.retry_policy.max_retries > MOST_RETRIES:
        yield f"retry_policy.max_retries: {MOST_RETRIES} at most are granted"
    if task.schedule.has_occurrences:
        yield from _too_often(grant, task, now)


def reaching_out(definition: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a definition, as it was given, must not read: secrets and files of the installation."""
    if refers_to_secret(definition.get("params")):
        yield "params: a reference to a secret is not granted"
    for name, key in (("schedule", "ics"), ("condition", "ics"), ("condition", "file_changed")):
        if _has_key(definition.get(name), key):
            yield f"{name}: {key} is not granted"


def _has_key(value: object, key: str) -> bool:
    if isinstance(value, Mapping):
        return key in value or any(_has_key(one, key) for one in value.values())
    return isinstance(value, list | tuple) and any(_has_key(one, key) for one in value)


def _too_often(grant: Grant, task: TaskDefinition, now: datetime) -> Iterator[str]:
    end = grant.task_end(now)
    times = islice(task.schedule.occurrences(now, end), _LOOKED_AT)
    least = timedelta(seconds=grant.min_interval)
    close = next((later - one for one, later in pairwise(times) if later - one < least), None)
    if close is not None:
        yield (
            f"schedule: it has occurrences {close.total_seconds():g} s apart, and"
            f" {grant.min_interval:g} s are the least"
        )
    if task.enabled and ((due := due_after(task, now)) is None or due > end.timestamp()):
        yield f"schedule: it is not due before {format_instant(end)}, when the task would expire"


@cache
def _bare() -> dict[str, Any]:
    return TaskDefinition.model_validate({"id": "x", "schedule": None, "handler": "handlers.x.run"}).to_dict()
