"""A recorded stretch decided about again: each decision on record, next to what the same facts lead to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from mission_control.model.composition.graph import joined_of
from mission_control.model.composition.release import Released, decide_loosely, decide_release, upstream_ids
from mission_control.model.definitions.due_times import spread_of
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.definitions.task_parts import RetryPolicy
from mission_control.model.policies.budgets import decide_budget
from mission_control.model.policies.due_decision import selecting, with_policies
from mission_control.model.policies.misfire import Action, Decision, Fire, Skip, decide
from mission_control.model.policies.overlap import Verdict, plan_of
from mission_control.model.policies.retry import RetryIn, decide_retry
from mission_control.model.runs.cause import Cause
from mission_control.model.runs.run_record import RunRecord, Trigger
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.instants import from_unix
from mission_control.operate.simulation.recorded import Order, Recorded, is_unfired
from mission_control.operate.simulation.recorded_changes import changed_at, layers_at

_CLOCKS: Final = timedelta(seconds=2)
"""By how much the clocks of beat and a worker may differ: then either of two steps may have come first."""

_SLACKS: Final = (timedelta(0), _CLOCKS, -_CLOCKS)
_ORDERS: Final = tuple(Order(slack, is_last) for is_last in (False, True) for slack in _SLACKS)
_FIRED: Final = "fired"
_WAITS: Final = "fired, waits for another run"
_NOTHING: Final = "no decision"


@dataclass(frozen=True, slots=True)
class Compared:
    """A decision on record and as it is made again; `replayed` is None if its facts are not kept."""

    execution_id: str
    at: datetime
    recorded: str
    replayed: str | None

    @property
    def is_equal(self) -> bool | None:
        """Whether both are the same; None if that is not known."""
        return None if self.replayed is None else self.replayed == self.recorded


def replayed(recorded: Recorded) -> Iterator[Compared]:
    """Yield each decision of a stretch: of beat about occurrences, and about attempts that failed."""
    decided = (one for one in recorded.runs if recorded.since <= one.dispatched_at < recorded.until)
    for _, turn in groupby(sorted(decided, key=_turn_of), key=_turn_of):
        runs = list(turn)
        if runs[0].trigger is Trigger.SCHEDULE:
            yield from _turn(recorded, runs)
        elif runs[0].trigger is Trigger.AFTER:
            yield from (_downstream(recorded, run) for run in runs)
        for run in runs:
            yield from _retries(run)


def _turn_of(run: RunRecord) -> tuple[datetime, str, str, int]:
    return run.dispatched_at, str(run.trigger), run.task_id, run.revision or 0


def _turn(recorded: Recorded, runs: Sequence[RunRecord]) -> Iterator[Compared]:
    """Compare what beat decided about one task at one moment."""
    at, task = runs[0].dispatched_at, recorded.definitions.get((runs[0].task_id, runs[0].revision))
    by_time = {run.scheduled_time: run for run in runs}
    if task is None:
        yield from (Compared(run.execution_id, at, _words(recorded, run), None) for run in runs)
        return
    actions = {one.scheduled_time: one for one in _actions(recorded, task, runs)}
    for scheduled, run in sorted(by_time.items()):
        yield _compared(recorded, task, run, actions.get(scheduled))
    for scheduled in sorted(actions.keys() - by_time.keys()):
        if at - scheduled - spread_of(task) > _CLOCKS:  # else it was due a moment later for beat
            yield Compared(f"{task.id} at {scheduled.isoformat()}", at, _NOTHING, str(actions[scheduled]))


def _actions(recorded: Recorded, task: TaskDefinition, runs: Sequence[RunRecord]) -> Iterator[Action]:
    """Yield what beat decides about a task that is due since the first of its runs here."""
    at, spread = runs[0].dispatched_at, spread_of(task)
    changed = changed_at(recorded.changes, {run.execution_id: run for run in runs}, at)
    moved = {one.at for one in changed if one.to is not None}
    own = [run.scheduled_time for run in runs if run.scheduled_time not in moved]
    due = (min(own) + spread).timestamp() if own else None
    layers, last = selecting(layers_at(recorded.changes, at), task), None
    while True:
        decision = Decision((), None) if due is None else decide(task, due, at, spread=spread)
        found = with_policies(
            task,
            decision,
            at,
            spread,
            changed=changed,
            layers=layers,
            facts=lambda: recorded.facts(task, at, runs),
        )
        yield from found.actions
        last, due, changed = due, decision.next_due, []
        if due is None or due == last or from_unix(due) > at:
            return


def _compared(recorded: Recorded, task: TaskDefinition, run: RunRecord, action: Action | None) -> Compared:
    words, name, at = _words(recorded, run), run.execution_id, run.dispatched_at
    if run.cause is not None and is_unfired(run) and run.cause["class"] == "quarantined":
        return Compared(name, at, words, None)  # what was damaged then is not kept
    if action is None:
        return Compared(name, at, words, _NOTHING)
    condition = task.condition
    if condition is not None and condition.handler is None and recorded.facts(task, at, [run]) is None:
        return Compared(name, at, words, None)
    if not isinstance(action, Fire):
        return Compared(name, at, words, _unfired_words(action))
    possible = set(_fired(recorded, task, run, action))
    if None in possible:
        return Compared(name, at, words, None)
    found = words if words in possible else next(iter(sorted(filter(None, possible))))
    return Compared(name, at, words, found)


def _fired(recorded: Recorded, task: TaskDefinition, run: RunRecord, action: Fire) -> Iterator[str | None]:
    """Yield what the script of beat makes of a run, for each order in which steps may have come."""
    is_backlog = (action.is_catch_up and task.misfire.policy == "all") or run.backfill is not None
    plan = plan_of(task.overlap, task.queue_limit)
    for order in _ORDERS:
        blockers, waiting = recorded.blockers(run, order)
        over, verdict = _over_budget(recorded, run, order), Verdict.START
        if blockers and not is_backlog:
            verdict = plan.full if waiting >= plan.limit else plan.blocked
        is_displaced = verdict is not Verdict.START and _is_displaced_at_once(recorded, task, run)
        if verdict is Verdict.SKIP or is_displaced:
            causes = [Cause("overlap", run=one.execution_id) for one in blockers]
            yield from (_by_script(run, cause) for cause in causes)
        if verdict is Verdict.SKIP:
            continue
        if over is None or over:
            yield None if over is None else _by_script(run, Cause("budget", layer=over))
        else:
            yield _FIRED if verdict is Verdict.START else _WAITS


def _is_displaced_at_once(recorded: Recorded, task: TaskDefinition, run: RunRecord) -> bool:
    """Return whether another occurrence may have taken the place of one in the step that let it wait."""
    others = (one for one in recorded.of_task[task.id] if one is not run)
    takes_place = task.overlap in {"queue_latest", "replace"}
    return takes_place and any(one.dispatched_at == run.dispatched_at for one in others)


def _over_budget(recorded: Recorded, run: RunRecord, order: Order) -> str | None:
    """Return the budget that does not allow a run, "" if none; None if what was spent then is not kept."""
    for name, *_ in run.budgets or ():
        budget = recorded.budgets.get(name)
        if budget is None or budget.caps.keys() != {"runs"}:
            return None
        cap = budget.caps["runs"]
        spent = recorded.count_spent(name, cap, run, order)
        if decide_budget(cap, spent, 0, 1).reserves is None:
            return str(name)
    return ""


def _downstream(recorded: Recorded, run: RunRecord) -> Compared:
    """Compare what became of a run that comes after others."""
    task = recorded.definitions.get((run.task_id, run.revision))
    words = _words(recorded, run)
    released = None if task is None else _released(recorded, task, run)
    if task is None or released is None:
        return Compared(run.execution_id, run.dispatched_at, words, None)
    at = run.scheduled_time
    if released.cause is not None:
        skip = Skip(at, released.reason or "", released.cause)
        return Compared(run.execution_id, run.dispatched_at, words, _unfired_words(skip))
    layers = selecting(layers_at(recorded.changes, run.dispatched_at), task)
    now, no_time = run.dispatched_at, timedelta(0)
    facts = lambda: recorded.facts(task, now, [run])  # noqa: E731
    decision = Decision((Fire(at),), None)
    (action,) = with_policies(task, decision, now, no_time, layers=layers, facts=facts).actions
    return _compared(recorded, task, run, action)


def _released(recorded: Recorded, task: TaskDefinition, run: RunRecord) -> Released | None:
    """Return what is decided about a run by the ends before it; None if these are not kept."""
    now = run.dispatched_at + _CLOCKS
    if not joined_of(task.after, task.join):
        upstream = recorded.upstream((run.upstream or [""])[0], now)
        return None if upstream is None else decide_loosely(task.after, upstream)
    ids = upstream_ids(task.after, task.join, run.root or "")
    if any(one not in recorded.by_id for one in ids) or run.root is None:
        return None
    runs = [recorded.upstream(one, now) for one in ids]
    released = decide_release(
        task.after, task.join, runs, lambda one, at: recorded.latest(one, at, now), run.dispatched_at
    )
    has_within = any(one.within is not None for one in task.after)
    return None if has_within and released.upstream == () else released


def _retries(run: RunRecord) -> Iterator[Compared]:
    """Compare what followed each attempt of a run that failed."""
    policy = RetryPolicy.model_validate(run.retry_policy)
    last = run.attempt - (run.state not in {RunState.FAILURE, RunState.TIMED_OUT, RunState.RETRYING})
    for attempt in range(1, last + 1):
        is_final = attempt == run.attempt and run.state is not RunState.RETRYING
        again = isinstance(decide_retry(policy, attempt=attempt, retryable=True), RetryIn)
        words = "given up" if is_final else "tried again"
        # An attempt that broke the contract is not tried again, which only its error tells.
        found = None if is_final and again else "tried again" if again else "given up"
        yield Compared(f"{run.execution_id} attempt {attempt}", run.dispatched_at, words, found)


def _words(recorded: Recorded, run: RunRecord) -> str:
    """Return what was decided about a run, as the record says."""
    if not is_unfired(run):
        return _WAITS if recorded.has_waited(run) else _FIRED
    return _decided_words(run.state, run.cause, run.reason)


def _unfired_words(action: Any) -> str:  # noqa: ANN401  # a miss or skip
    state = RunState.SKIPPED if isinstance(action, Skip) else RunState.MISSED
    return _decided_words(state, action.cause.to_dict(), action.reason)


def _by_script(run: RunRecord, cause: Cause) -> str:
    """Return a skip that the script of beat decides, which words it: its words are not made again."""
    return _decided_words(RunState.SKIPPED, cause.to_dict(), run.reason)


def _decided_words(state: RunState, cause: Mapping[str, str] | None, reason: str | None) -> str:
    found = ", ".join(f"{name} {value}" for name, value in (cause or {}).items())
    return f"{state} {found}: {reason}" if reason else f"{state} {found}"


def count(found: Iterable[Compared]) -> dict[str, int]:
    """Return how many decisions are equal, differ, or are not known."""
    names = {True: "equal", False: "different", None: "unknown"}
    counts = dict.fromkeys(names.values(), 0)
    for one in found:
        counts[names[one.is_equal]] += 1
    return counts
