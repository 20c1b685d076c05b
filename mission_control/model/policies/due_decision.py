"""What becomes of a due task's occurrences by all policies together, in their one order.

Beat decides so; so do the answers about what it will do, or has done.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.condition import NO_FACTS, ConditionFacts, with_condition
from mission_control.model.policies.misfire import Action, Decision, Fire, Miss, Skip, decide_moved, withheld
from mission_control.model.policies.pause import (
    PauseKind,
    PauseLayer,
    TaskFacts,
    cause_of,
    kept_back,
    only_probe,
)
from mission_control.model.runs.cause import Cause
from mission_control.model.runs.changed_occurrence import ChangedOccurrence, has_occurrence

BY_HAND: Final = Cause("skipped_by_hand")


def with_changes(
    task: TaskDefinition,
    decision: Decision,
    changes: Sequence[ChangedOccurrence],
    now: datetime,
    spread: timedelta,
) -> Decision:
    """Return a decision with a task's changed occurrences skipped, or run at the time they were moved to.

    `applied` of the answer are the changes that need no more attention once it is committed. The task is due
    again at the latest when the next occurrence was moved to. One that the schedule no longer has does not
    run; if it was moved, it is recorded as skipped.
    """
    if not task.enabled:
        return decision
    horizon = now - spread
    known = {one.scheduled_time for one in decision.actions if not _stands_for_others(one)}
    changed = {one.at for one in changes}
    kept = [one for one in decision.actions if one.scheduled_time not in changed or _stands_for_others(one)]
    due = [one for one in changes if one.due <= horizon and not one.is_over]
    own = [action for one in due if (action := _action(task, one, horizon, known)) is not None]
    passed = (one for one in changes if one.is_over and one.at <= horizon)
    actions = tuple(sorted((*kept, *own), key=lambda one: one.scheduled_time))
    moved = (one for one in changes if one.due > horizon)
    next_due = decision.next_due
    if task.schedule.is_fixed_delay and own:  # no end of a run sets it
        following = task.schedule.next_after(now)
        next_due = None if following is None else following.timestamp()
    return Decision(actions, due_with(next_due, moved, spread), (*due, *passed))


def written_back(change: ChangedOccurrence, now: datetime) -> tuple[str, str]:
    """Return the name of an applied change, and its JSON if it must be kept until its own time."""
    is_kept = change.to is not None and change.at > now and not change.is_over
    return change.name, replace(change, is_over=True).to_json() if is_kept else ""


def due_with(due: float | None, changes: Iterable[ChangedOccurrence], spread: timedelta) -> float | None:
    """Return when a task is due that is due at `due` (Unix seconds) by its schedule."""
    moved = [(one.to + spread).timestamp() for one in changes if one.to is not None and not one.is_over]
    return min([*moved, *([] if due is None else [due])], default=None)


def _action(
    task: TaskDefinition, change: ChangedOccurrence, horizon: datetime, known: set[datetime]
) -> Action | None:
    is_known = change.at in known or (
        not task.schedule.is_fixed_delay and has_occurrence(task.schedule, change.at)
    )
    if change.is_skipped:
        is_recorded = is_known or change.to is not None
        return Skip(change.at, change.words(), BY_HAND) if is_recorded else None
    if change.to is None or not is_known:
        return Skip(change.at, f"{change.words()}; its schedule no longer has this occurrence", BY_HAND)
    return decide_moved(task, change.at, change.to, horizon)


def _stands_for_others(action: Action) -> bool:
    return isinstance(action, Miss) and action.stands_for_others


def with_policies(
    task: TaskDefinition,
    decision: Decision,
    now: datetime,
    spread: timedelta,
    *,
    changed: Sequence[ChangedOccurrence] = (),
    withheld_for: tuple[str, Cause] | None = None,
    layers: Sequence[PauseLayer] = (),
    facts: Callable[[], ConditionFacts | None] = lambda: NO_FACTS,
) -> Decision:
    """Return what `decide` has decided with all that may keep occurrences from running.

    `changed` are the task's occurrences that were changed by hand, `withheld_for` is why none of them may
    run, `layers` are those that select the task. `facts` are asked for if a built-in condition decides; None
    says that they are not known, and the condition is taken as met.
    """
    if changed:
        decision = with_changes(task, decision, changed, now, spread)
    if withheld_for is not None:
        return withheld(task, decision, now, *withheld_for)
    if layers:
        decision = _paused(task, decision, layers, now, spread)
    condition = task.condition
    if condition is None or condition.handler is not None or not decision.actions:
        return decision
    known = facts()
    return decision if known is None else with_condition(task, condition, decision, now, known)


def selecting(layers: Iterable[PauseLayer], task: TaskDefinition) -> list[PauseLayer]:
    """Return the layers that are about a task; a circuit breaker only if the task still has one."""
    facts, has_breaker = TaskFacts.of(task), task.pause_after_failures is not None
    found = (one for one in layers if has_breaker or one.kind is not PauseKind.BREAKER)
    return [one for one in found if one.selects(facts)]


def open_breaker(layers: Iterable[PauseLayer]) -> PauseLayer | None:
    """Return the circuit breaker among some layers that is not closed."""
    return next((one for one in layers if one.kind is PauseKind.BREAKER and not one.is_over), None)


def fires(decision: Decision) -> bool:
    """Return whether any occurrence runs."""
    return any(isinstance(one, Fire) for one in decision.actions)


def _paused(
    task: TaskDefinition, decision: Decision, layers: Sequence[PauseLayer], now: datetime, spread: timedelta
) -> Decision:
    """Return a decision with what layers keep from running skipped; an open breaker may let one run."""
    decision = kept_back(task, decision, lambda nominal: cause_of(layers, nominal + spread, now), now)
    breaker = open_breaker(layers)
    return decision if breaker is None or not fires(decision) else only_probe(decision, breaker)
