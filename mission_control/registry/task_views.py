"""What callers see of stored tasks: one with its history, or an overview of many."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import nsmallest
from operator import itemgetter
from typing import Any, Final

from mission_control.ledger.run_reader import RunReader
from mission_control.model.definitions.due_times import nominal_time_of
from mission_control.model.definitions.registered_task import TaskState
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.runs.history import History
from mission_control.model.values.identifiers import known_form
from mission_control.model.values.instants import format_instant
from mission_control.model.values.names import Names
from mission_control.registry.stored_task import StoredTask
from mission_control.registry.task_store import TaskStore

_AT_ONCE: Final = 1_000


def shown_by_id(store: TaskStore, ledger: RunReader, task_id: str) -> dict[str, Any] | None:
    """Return a task in the story's shape with its history and state, or None.

    A task whose entry is damaged is shown as it was last, quarantined, with the problem.
    """
    stored = store.load([task_id])[0]
    if stored is None:
        return next(iter(_damaged(store, ledger, [known_form(task_id)])), None)
    return _stored(stored, ledger.history(task_id))


def shown_tasks(
    store: TaskStore, ledger: RunReader, *, enabled_only: bool, only: Sequence[str] | None = None
) -> Iterator[tuple[dict[str, Any], StoredTask | None]]:
    """Yield tasks as `shown_by_id` shows them, sorted by id, with what is stored, None if it is damaged.

    Those are all tasks, or those of the ids in `only`. Definitions are not checked again. Tasks are read many
    at a time.
    """
    ids = store.ids() if only is None else list(only)
    for at in range(0, len(ids), _AT_ONCE):
        yield from _some_shown(store, ledger, ids[at : at + _AT_ONCE], enabled_only=enabled_only)


def _some_shown(
    store: TaskStore, ledger: RunReader, ids: list[str], *, enabled_only: bool
) -> Iterable[tuple[dict[str, Any], StoredTask | None]]:
    found = store.load(ids)
    readable = [one for one in found if one is not None and (one.definition["enabled"] or not enabled_only)]
    histories = ledger.histories(one.task_id for one in readable)
    shown: list[tuple[dict[str, Any], StoredTask | None]] = [
        (_stored(one, history), one) for one, history in zip(readable, histories, strict=True)
    ]
    damaged = _damaged(store, ledger, [one for one, task in zip(ids, found, strict=True) if task is None])
    shown += [(one, None) for one in damaged if one.get("enabled", True) or not enabled_only]
    return sorted(shown, key=lambda one: one[0]["id"])


def _stored(stored: StoredTask, history: History) -> dict[str, Any]:
    next_run = None if stored.due is None else nominal_time_of(stored.definition, stored.due)
    return _shown(stored.definition, history, next_run, state_of(stored), stored.problem)


def _damaged(store: TaskStore, ledger: RunReader, task_ids: list[str]) -> list[dict[str, Any]]:
    problems = store.damaged(task_ids)
    return [
        _shown(store.last_known(task_id), history, None, "quarantined", problem)
        for (task_id, problem), history in zip(problems.items(), ledger.histories(problems), strict=True)
    ]


def _shown(
    definition: Mapping[str, Any],
    history: History,
    next_run: datetime | None,
    state: TaskState,
    problem: str | None,
) -> dict[str, Any]:
    return {
        **definition,
        "execution_history": {
            "last_run": None if history.last_run is None else format_instant(history.last_run),
            "next_run": None if next_run is None else format_instant(next_run),
            "total_runs": history.total_runs,
            "success_count": history.success_count,
            "failure_count": history.failure_count,
            "skipped_count": history.skipped_count,
            "missed_count": history.missed_count,
            "consecutive_skips": history.consecutive_skips,
            "state": state,
            "problem": problem,
        },
    }


def state_of(stored: StoredTask) -> TaskState:
    """Return a task's state; one that is quarantined fires nothing until its problem is over."""
    if not stored.definition["enabled"]:
        return "disabled"
    if stored.problem is not None:
        return "quarantined"
    is_over = stored.due is None and stored.definition["schedule"] is not None
    return "completed" if is_over else "enabled"


@dataclass(frozen=True)
class Overview:
    """How many tasks there are, and which are due next; those due in the past are overdue.

    `work` has the ids of the enabled tasks by their queue and handler, `conditional` those with a condition,
    `missing_upstream` the tasks that they come after and that do not exist, by id.
    """

    enabled: int
    disabled: int
    next_due: list[tuple[TaskDefinition, datetime]]
    work: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)
    conditional: Sequence[str] = ()
    missing_upstream: Mapping[str, Sequence[str]] = field(default_factory=dict)


def overview_of(
    stored: Iterable[StoredTask],
    known: Collection[str],
    read: Callable[[StoredTask], TaskDefinition | None],
    *,
    due_limit: int,
) -> Overview:
    """Return an overview of tasks; `known` are all ids. Only those named in it are held and parsed."""
    work = defaultdict[tuple[str, str], Names](Names)
    conditional, missing, counts = list[str](), dict[str, list[str]](), Counter[bool]()

    def enabled() -> Iterator[StoredTask]:
        for one in stored:
            definition, task_id = one.definition, one.task_id
            counts[is_enabled := definition["enabled"]] += 1
            if not is_enabled:
                continue
            work[definition["queue"], definition["handler"]].add(task_id)
            conditional.extend([task_id] if definition.get("condition") is not None else ())
            if gone := [name for name in one.upstream if name not in known]:
                missing[task_id] = gone
            yield one

    due = ((one.due, one.task_id, one) for one in enabled() if one.due is not None)
    soonest = nsmallest(due_limit, due, key=itemgetter(0, 1))
    deque(due, 0)  # of none the rest is counted, too
    tasks = ((read(one), nominal_time_of(one.definition, due)) for due, _, one in soonest)
    next_due = [(task, moment) for task, moment in tasks if task is not None]
    return Overview(counts[True], counts[False], next_due, work, conditional, missing)
