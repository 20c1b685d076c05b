"""What becomes of a due task's occurrences by all policies together, in their one order.

Beat decides so; so do the answers about what it will do, or has done.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.breaker import only_probe
from mission_control.model.policies.condition import NO_FACTS, ConditionFacts, with_condition
from mission_control.model.policies.misfire import Decision, Fire, withheld
from mission_control.model.policies.occurrence_changes import with_changes
from mission_control.model.policies.pause import PauseKind, PauseLayer, TaskFacts, cause_of, kept_back
from mission_control.model.runs.cause import Cause
from mission_control.model.runs.changed_occurrence import ChangedOccurrence


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
