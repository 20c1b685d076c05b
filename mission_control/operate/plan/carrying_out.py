"""Carrying out a plan: limits and budgets, then tasks in portions, then removals."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from itertools import islice
from typing import Any

from mission_control.errors import PlanOvertakenError
from mission_control.model.definitions.task import TaskDefinition
from mission_control.operate.plan.task_plan import Plan, TaskChange, changed_tasks
from mission_control.registry.named_resources import NamedResources, named
from mission_control.registry.registry import Registry
from mission_control.registry.task_store import WRITTEN_AT_ONCE


def carry_out(
    registry: Registry,
    resources: Mapping[str, NamedResources[Any]],
    plan: Plan,
    *,
    dry_run: bool = False,
    must_be_as_seen: bool = False,
    applied: Callable[[int], object] = lambda _: None,
) -> None:
    """Do what a plan says; `applied` is called with how many tasks are done so far.

    What was planned may be stopped anywhere: each task is changed as a whole or not at all, and the next plan
    has the rest. A task that another writer changes meanwhile is changed again; if it `must_be_as_seen`, it
    is left as the other writer made it.

    Raises:
        ResourceInUseError: a task that the plan does not change does not go with a limit; nothing was done.
        PlanOvertakenError: tasks were changed by others meanwhile; all others are done.
    """
    for section, given in plan.resources.items():
        edited = (one.definition for one in changed_tasks(plan))
        resources[section].set_all(given.values(), edited=edited, reason=plan.reason, dry_run=dry_run)
    if dry_run:
        return
    overtaken: list[str] = []

    def overtake(task: TaskDefinition) -> None:
        if must_be_as_seen:
            overtaken.append(task.id)
        else:
            registry.apply(task, reason=plan.reason, catch_up=plan.catch_up)

    with nullcontext() if len(plan.tasks) == 1 else registry.changes.batch():
        wanted, done = (one for one in plan.tasks.values() if one.kind != "removed"), 0
        written: Callable[[], object] = list
        while portion := list(islice(wanted, WRITTEN_AT_ONCE)):
            written = _begin(registry, portion, plan, overtake, after=written)
            applied(done := done + len(portion))
        written()
        for task_id in plan.tasks.labelled("removed"):
            registry.unregister(task_id, reason=plan.reason)
    if overtaken:
        raise PlanOvertakenError(
            f"others changed {named(overtaken)} meanwhile, which was left so; all others are applied; "
            "make a new plan for the rest"
        )


def _begin(
    registry: Registry,
    portion: Sequence[TaskChange],
    plan: Plan,
    overtake: Callable[[TaskDefinition], object],
    after: Callable[[], object],
) -> Callable[[], None]:
    """Send a portion to Redis, which writes it while the next one is prepared; return what waits for that.

    `overtake` is called with each task that another writer changed meanwhile, `after` before a portion is
    sent.
    """
    edits = [(one.checked, one.seen) for one in portion if one.checked is not None and not _is_there(one)]
    left = registry.planned.begin(edits, plan.reason, catch_up=plan.catch_up, after=after)

    def written() -> None:
        for task in left():
            overtake(task.definition)
        registry.planned.files.claim({one.task_id: one.file for one in portion if one.file is not None})
        for one in portion:
            if one.former_id is not None:
                registry.planned.files.take_history(one.former_id, one.task_id)

    return written


def _is_there(change: TaskChange) -> bool:
    """Return whether a renamed task was written already, by an apply that was stopped then."""
    task, seen = change.checked, change.seen
    is_renamed = change.kind == "renamed"
    return is_renamed and task is not None and seen is not None and not seen.differs_from(task.form)
