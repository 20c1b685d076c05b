"""What beat decides about occurrences in a simulation, by the pauses, breakers and conditions there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from mission_control.model.definitions.condition import Condition
from mission_control.model.definitions.due_times import spread_of
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.condition import NO_FACTS, ConditionFacts, cause_of_condition
from mission_control.model.policies.due_decision import fires, selecting, with_policies
from mission_control.model.policies.misfire import Action, Decision, Fire, Skip, decide
from mission_control.model.policies.pause import PauseKind, PauseLayer, opened, probing
from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.instants import from_unix
from mission_control.operate.simulation.experience import Draws
from mission_control.operate.simulation.scenario import Scenario
from mission_control.operate.simulation.simulated_run import SimulatedRun, Work

Memo = dict[tuple[str, float], Decision]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is looked up once of a task. `is_steady` says that only its timetable decides."""

    work: Work
    spread: timedelta
    layers: Sequence[PauseLayer]
    is_steady: bool


class BeatDecisions:
    """Decides about occurrences, with the circuit breakers and counters as runs have left them."""

    def __init__(self, scenario: Scenario, draws: Draws, memo: Memo | None) -> None:
        self._memo = memo
        self._draws = draws
        self._failures = dict(scenario.failures)
        self._changed: dict[str, list[ChangedOccurrence]] = {}
        for change in scenario.changed:
            self._changed.setdefault(change.task_id, []).append(change)
        self._layers = [one for one in scenario.layers if one.kind is not PauseKind.BREAKER]
        breakers = (one for one in scenario.layers if one.kind is PauseKind.BREAKER)
        self._breakers = {one.value: one for one in breakers if not one.is_over}
        self._seen: dict[str, Seen] = {}

    def seen(self, task: TaskDefinition) -> Seen:
        """Return what is looked up once of a task."""
        found = self._seen.get(task.id)
        if found is None:
            has_policies = task.condition is not None or task.pause_after_failures is not None
            is_steady = not has_policies and task.id not in self._changed
            layers = selecting(self._layers, task)
            found = self._seen[task.id] = Seen(Work.of_task(task), spread_of(task), layers, is_steady)
        return found

    def decided(self, task: TaskDefinition, due: float, now: float) -> Decision:
        """Decide what a task needs that is due at `due`, now."""
        seen = self.seen(task)
        if self._memo is None or not seen.is_steady or due < now:
            return self._decide(task, seen, due, now)
        key = (task.id, due)
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self._decide(task, seen, due, now)
        return found

    def allowed(self, task: TaskDefinition, action: Action, now: float) -> Action:
        """Return what pauses and conditions make of a run that comes after others."""
        decision = Decision((action,), None)
        (found,) = self._with_policies(task, self.seen(task), decision, timedelta(0), now).actions
        return found

    def note_end(self, run: SimulatedRun, state: RunState, now: float) -> None:
        """Note how a run ended: a success closes the circuit breaker of its task, failures open it."""
        task = run.work.task
        if task is None or state not in {RunState.SUCCESS, RunState.FAILURE}:
            return
        failures = 0 if state is RunState.SUCCESS else self._failures.get(task.id, 0) + 1
        self._failures[task.id] = failures
        if failures == 0:
            self._breakers.pop(task.id, None)
        elif task.pause_after_failures is not None:
            layer = opened(
                task.id,
                failures,
                after=task.pause_after_failures,
                probe_after=task.probe_after,
                last_failed=run.execution_id,
                now=from_unix(now),
            )
            if layer is not None:
                self._breakers[task.id] = layer

    def _decide(self, task: TaskDefinition, seen: Seen, due: float, now: float) -> Decision:
        decision = decide(task, due, from_unix(now), spread=seen.spread)
        changed = self._changed.get(task.id, ())
        found = self._with_policies(task, seen, decision, seen.spread, now, changed)
        if found.applied:
            self._changed[task.id] = [one for one in self._changed[task.id] if one not in found.applied]
        return found

    def _with_policies(
        self,
        task: TaskDefinition,
        seen: Seen,
        decision: Decision,
        spread: timedelta,
        now: float,
        changed: Sequence[ChangedOccurrence] = (),
    ) -> Decision:
        moment, breaker = from_unix(now), self._breakers.get(task.id)
        found = with_policies(
            task,
            decision,
            moment,
            spread,
            changed=changed,
            layers=seen.layers if breaker is None else [*seen.layers, breaker],
            facts=lambda: self._facts(task),
        )
        condition = task.condition
        if condition is not None and not (condition.is_foreseeable or condition.previous_failed):
            found = replace(found, actions=tuple(map(partial(self._drawn, task, condition), found.actions)))
        if breaker is not None and fires(found):
            self._breakers[task.id] = probing(breaker, task.probe_after, moment)
        return found

    def _drawn(self, task: TaskDefinition, condition: Condition, action: Action) -> Action:
        """Return a run as skipped as often as the condition has skipped earlier ones."""
        if not isinstance(action, Fire) or self._draws.is_met(task.id):
            return action
        return Skip(action.scheduled_time, "", cause_of_condition(condition.name))

    def _facts(self, task: TaskDefinition) -> ConditionFacts | None:
        """Return what is known of a condition's facts: files and outputs are not."""
        condition = task.condition
        if condition is not None and condition.previous_failed:
            return ConditionFacts(failures=self._failures.get(task.id, 0))
        return NO_FACTS if condition is not None and condition.is_foreseeable else None
