"""Whether a built-in condition lets an occurrence run, and when one that says no is worth a notice."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from mission_control.model.definitions.condition import Condition
from mission_control.model.definitions.schedules.clock.calendar_words import WEEKDAYS, parse_time
from mission_control.model.definitions.schedules.clock.wall_clock import to_local
from mission_control.model.definitions.schedules.exclusions.exclusion import Exclusion, hours_span
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.misfire import ON_TIME_WITHIN, Action, Decision, Fire, Skip
from mission_control.model.policies.pause import rescheduled
from mission_control.model.runs.cause import Cause
from mission_control.model.values.quantities import counted

_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class ConditionFacts:
    """What a built-in condition is decided by, besides the time.

    `failures` is how many runs have failed in a row. `state` tells whether the file, or the outputs, have
    changed: it is compared with `known`, that of the last run that succeeded. Without one, `missing` says
    why. `last_run` is when a run last began.
    """

    failures: int = 0
    state: str | None = None
    missing: str = ""
    known: str | None = None
    last_run: datetime | None = None


NO_FACTS = ConditionFacts()


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a condition holds, and what was seen, in words."""

    holds: bool
    seen: str


def decide_condition(
    condition: Condition, due: datetime, now: datetime, zone: ZoneInfo, facts: ConditionFacts = NO_FACTS
) -> Answer:
    """Decide about an occurrence that is due at `due`; the function of a handler is not for here.

    `workday` looks at the day on which it is due. `window` looks at when it starts: that is when it is due,
    or now if it is not on time.

    >>> nine = datetime.fromisoformat("2026-03-01T09:00:00Z")
    >>> decide_condition(Condition.model_validate("workday"), nine, nine, ZoneInfo("UTC"))
    Answer(holds=False, seen='Sunday 2026-03-01')
    """
    if condition.workday is not None:
        return _workday(condition.workday, to_local(due, zone), zone)
    if condition.window is not None:
        start, end = map(parse_time, condition.window.split("-"))
        local = to_local(due if now - due <= ON_TIME_WITHIN else now, zone)
        return Answer(hours_span(local, start, end) is not None, f"{local:%H:%M:%S}")
    if condition.previous_failed:
        return Answer(facts.failures > 0, f"{counted(facts.failures, 'failed run')} in a row")
    if facts.state is None:
        return Answer(holds=False, seen=facts.missing)
    if facts.known is None:
        return Answer(holds=True, seen="no run has succeeded yet")
    changed = facts.state != facts.known
    return Answer(changed, f"{'' if changed else 'not '}changed since the last run that succeeded")


def _workday(excluded: tuple[Exclusion, ...], local: datetime, zone: ZoneInfo) -> Answer:
    day = f"{WEEKDAYS[local.weekday()].capitalize()} {local:%Y-%m-%d}"
    found = next((one for one in excluded if one.span(local, zone) is not None), None)
    is_workday = local.weekday() < _SATURDAY and found is None
    return Answer(is_workday, day if found is None else f"{day}, excluded {found.describe()}")


def reason_of(condition: Condition, answer: Answer) -> str:
    """Return why a run is skipped, in words."""
    return f"condition {condition.name}: {answer.seen}"


def cause_of_condition(name: str) -> Cause:
    """Return the cause of a run that the condition of that name has skipped."""
    return Cause("condition", layer=name)


def with_condition(
    task: TaskDefinition, condition: Condition, decision: Decision, now: datetime, facts: ConditionFacts
) -> Decision:
    """Return a decision with each occurrence skipped for which a built-in condition says no.

    All carry the state that was seen: it is compared with when a run has succeeded, and in a replay.
    """

    def asked(action: Action) -> Action:
        if not isinstance(action, Fire):
            return action
        answer = decide_condition(condition, action.due, now, task.schedule.zone, facts)
        if answer.holds:
            return replace(action, seen=facts.state)
        idle = idle_from(condition.idle_times, condition.idle_after, facts.last_run, now)
        cause, reason = cause_of_condition(condition.name), reason_of(condition, answer)
        return Skip(action.scheduled_time, reason, cause, idle_from=idle, seen=facts.state)

    return rescheduled(task, decision, tuple(map(asked, decision.actions)), now)


def idle_from(times: int, after: float, last_run: datetime | None, now: datetime) -> int:
    """Return from how many skips in a row on a condition that says no is worth the notice `idle`.

    That is from `times` on, or at once if no run has begun for `after` seconds.

    >>> nine = datetime.fromisoformat("2026-03-01T09:00:00Z")
    >>> idle_from(10, 3600, nine, nine), idle_from(10, 3600, nine - timedelta(hours=2), nine)
    (10, 1)
    """
    is_long = last_run is not None and now - last_run > timedelta(seconds=after)
    return 1 if is_long else times
