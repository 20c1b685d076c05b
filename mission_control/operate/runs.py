"""Questions about runs, answered from the ledger; `run_json` makes an answer JSON."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import islice
from typing import Any, Final

from mission_control.audit.record.masking import masked_value
from mission_control.ledger.run_reader import RunReader
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.deadlines import late
from mission_control.model.policies.overlap import Predecessor, Source, Verdict, decide_overlap
from mission_control.model.runs.run_record import RunRecord, Trigger
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.instants import format_instant
from mission_control.operate.filters import Filter, facts_of_tasks
from mission_control.operate.search_plan import plan_search, require_narrow
from mission_control.operate.tasks import existing_task
from mission_control.registry.registry import Registry

_THEN: Final = {
    Verdict.START: "starts even",
    Verdict.SKIP: "is skipped",
    Verdict.WAIT: "waits",
    Verdict.TAKE_PLACE: "takes the place of the one that waits",
    Verdict.REPLACE: "replaces it",
}
_HIDDEN: Final = {"params", "secret_params", "is_fixed_delay", "breaker", "budgets", "condition_seen"}
# Few runs have them.
_UNUSUAL: Final = {
    *("limits", "limited_by", "limited_until", "spent_usd", "spent_tokens", "calls", "condition"),
    *("deadline", "first_started_at", "late", "spread_seconds"),
}


def selected_runs(
    ledger: RunReader,
    registry: Registry,
    wanted: Filter,
    *,
    with_ended: bool = False,
    limit: int | None = None,
    only: Callable[[RunRecord], bool] = lambda _: True,
    ended_by: datetime | None = None,
) -> Iterator[RunRecord]:
    """Yield the runs that a filter takes: active ones, then ended ones, latest first; at most `limit`.

    Ended ones are among them `with_ended`, or if the filter asks for when they ended, or for their state.
    Those that are not `only` wanted are left out, and those that ended after `ended_by` may be.

    Raises:
        UnknownTaskError: the filter names a task that neither exists nor has runs; names the nearest one.
        WideSearchError: there are too many runs to look at, and the filter is not confirmed.
    """
    plan = plan_search(ledger, wanted.query, with_ended=with_ended, limit=limit)
    wanted.with_ended = plan.with_ended
    if not wanted.is_confirmed:
        require_narrow(plan.to_scan, str(plan))
    for task_id in plan.ids if plan.index == "task" and plan.to_scan == 0 else ():
        existing_task(registry, task_id)
    tasks = facts_of_tasks(registry, wanted.query)
    found = filter(only, plan.runs(ledger, ended_by))
    return islice((run for run in found if wanted.takes_run(run, tasks)), limit)


def task_history(ledger: RunReader, registry: Registry, task_id: str, *, limit: int) -> list[RunRecord]:
    """Return a task's runs, latest first, as far as the ledger still has them.

    Raises:
        UnknownTaskError: no task has that id; names the nearest one.
    """
    existing_task(registry, task_id)
    return ledger.runs_of(task_id, limit=limit)


def standing(run: RunRecord) -> str:
    """Say since when an active run has its state, or what it waits for."""
    if run.waits_for is not None:
        return f"waits for {run.waits_for} to end"
    if run.retry_at is not None:
        return f"waits for its retry at {format_instant(run.retry_at)}"
    if run.started_at is None:
        return f"{run.state} since {format_instant(run.dispatched_at)} to queue {run.queue}"
    return f"{run.state} since {format_instant(run.started_at)} on {run.worker}"


@dataclass(frozen=True)
class Meeting:
    """What the next occurrence of a task meets if `run` is still active then, and what it does."""

    run: RunRecord
    then: Verdict

    def words(self, policy: str) -> str:
        """Say what the next occurrence does if the run has not ended until then."""
        run = self.run
        return (
            f"it {_THEN[self.then]} if {run.execution_id} ({standing(run)}) has not ended by then"
            f" (overlap policy {policy})"
        )


def next_meeting(ledger: RunReader, task: TaskDefinition, now: datetime) -> Meeting | None:
    """Return what the next occurrence of a task meets; None if no run of the task is active."""
    run = ledger.in_the_way(task.id, now)
    if run is None:
        return None
    waiting = [one for one in ledger.active_of(task.id) if one.waits_for and one.trigger is Trigger.SCHEDULE]
    predecessor = Predecessor.RETRY_WAIT if run.state is RunState.RETRYING else Predecessor.RUNNING
    verdict = decide_overlap(
        task.overlap, predecessor, Source.TIMETABLE, waiting=len(waiting), queue_limit=task.queue_limit
    )
    return Meeting(run, verdict)


def run_json(run: RunRecord) -> dict[str, Any]:
    """Return a run as a JSON object. Instants are UTC; params are left out, secrets in the output masked."""
    values = {one.name: getattr(run, one.name) for one in fields(run) if one.name not in _HIDDEN}
    values = {name: one for name, one in values.items() if name not in _UNUSUAL or one is not None}
    values["output"] = masked_value(run.output)
    if run.deadline is not None:
        values["late"] = late(run)
    shown = {name: format_instant(one) if isinstance(one, datetime) else one for name, one in values.items()}
    return {**shown, "lateness_ms": lateness_ms(run)}


def lateness_ms(run: RunRecord) -> int | None:
    """Return how long after its time a run's last attempt started; None before the first start."""
    if run.started_at is None:
        return None
    return round((run.started_at - run.due_at).total_seconds() * 1_000)
