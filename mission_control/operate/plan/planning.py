"""Making a plan: of task files, or of a former revision of a task."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import tee
from pathlib import Path
from typing import Any, NamedTuple

from mission_control.errors import InvalidTaskError, Problem, TaskFileError, UnknownTaskError
from mission_control.files.task_file import check_tasks, parse_section, read_task_file
from mission_control.model.problems.suggestions import did_you_mean, quoted
from mission_control.operate.plan.task_plan import Plan, TaskChange, TaskChanges, change_of, similar_tasks
from mission_control.operate.tasks import unknown_task
from mission_control.registry.checked_task import CheckedTask, CheckedTasks
from mission_control.registry.registry import Registry
from mission_control.registry.similar_tasks import SimilarTasks


class CheckedFiles(NamedTuple):
    """Tasks of files that may be applied, with limits and budgets by section."""

    tasks: CheckedTasks
    resources: Mapping[str, Mapping[str, Any]]
    reason: str
    sources: Sequence[str]


def check_task_files(registry: Registry, files: Sequence[Path], *, catch_up: bool = False) -> CheckedFiles:
    """Return what may be applied of task files, which are checked together.

    Raises:
        TaskFileError: a file cannot be read, or two of them have the same task.
        InvalidTaskError: a definition is wrong; lists every problem of its file.
        InvalidResourceError: a limit or budget is.
    """
    found = {path: read_task_file(path) for path in dict.fromkeys(files)}
    given: dict[str, dict[str, Any]] = {}
    for path, one in found.items():
        for section, items in one.resources.items():
            known = given.setdefault(section, {})
            new = parse_section(section, items, source=str(path))
            _refuse_twice(known.keys() & new.keys(), path)
            known |= new
    parse = SimilarTasks(registry.check, given, may_be_over=catch_up).parse
    tasks = CheckedTasks()
    check = partial(registry.check.dependencies.problems, tasks)
    for path, one in found.items():
        alone = {"check": check} if len(found) == 1 else {}
        keep = partial(_keep, tasks, path)
        check_tasks(one.tasks, parse=parse, keep=keep, **alone, source=str(path))
    if len(found) > 1:
        _refuse_broken(check(), ", ".join(map(str, found)))
    sources = [str(path.absolute()) for path in found]
    return CheckedFiles(tasks, given, f"applied {', '.join(path.name for path in found)}", sources)


def _keep(tasks: CheckedTasks, path: Path, task: CheckedTask) -> bool:
    source = str(path.absolute())
    is_added = tasks.add(task.id, task, source)
    if not is_added and tasks.label(task.id) != source:
        _refuse_twice([task.id], path)
    return is_added


def _refuse_twice(names: Iterable[str], path: Path) -> None:
    if twice := sorted(names):
        raise TaskFileError(f"{path}: {quoted(twice[0])} is in another of the files, too; keep one of them")


def _refuse_broken(problems: Mapping[str, Sequence[Problem]], subject: str) -> None:
    if found := [one.under(task_id) for task_id, some in problems.items() for one in some]:
        raise InvalidTaskError(found, subject=f"{subject}: nothing was applied")


def plan_of(
    registry: Registry,
    checked: CheckedFiles,
    *,
    prune: bool = False,
    renames: Mapping[str, str] | None = None,
    catch_up: bool = False,
) -> Plan:
    """Return what applying checked tasks changes.

    With `prune` the tasks that were applied from these files last, and that the files no longer have, are
    removed. `renames` are former ids of tasks, each with the id that it has in the files now.

    Raises:
        UnknownTaskError: a task to be renamed is not registered, or its new id is not in the files.
        InvalidTaskError: other tasks come after one that would be removed.
    """
    tasks, renames = checked.tasks, {} if renames is None else renames
    former = {new: old for old, new in renames.items()}
    alone = checked.sources[0] if len(checked.sources) == 1 else None
    ordered, to_read = tee(registry.check.dependencies.upstream_first(tasks))
    changes = TaskChanges(
        tasks,
        (
            change_of(tasks[task_id], seen, alone or tasks.label(task_id), former.get(task_id))
            for task_id, seen in zip(ordered, registry.planned.stored(to_read), strict=True)
        ),
    )
    _refuse_renames(registry, renames, tasks)
    left = {
        task_id: file
        for task_id, file in registry.planned.files.owned_by(set(checked.sources))
        if task_id not in tasks and task_id not in renames
    }
    known = set(registry.ids()) if left else set()
    left = {task_id: left[task_id] for task_id in sorted(left.keys() & known)}
    for one in _removals(registry, [*renames, *(left if prune else ())], tasks):
        changes.add(one.task_id, one, one.kind)
    similar = _similar(registry, changes, left)
    return Plan(
        checked.reason,
        changes,
        checked.resources,
        left={} if prune else left,
        similar=similar,
        catch_up=catch_up,
    )


def _refuse_renames(registry: Registry, renames: Mapping[str, str], wanted: Collection[str]) -> None:
    known = set(registry.ids()) if renames else set()
    for old, new in renames.items():
        if old not in known or old in wanted:
            why = "the files have it" if old in known else f"it is not registered{did_you_mean(old, known)}"
            raise UnknownTaskError(f"{quoted(old)} cannot be renamed: {why}")
        if new not in wanted:
            raise UnknownTaskError(f"{quoted(new)} is not in the files{did_you_mean(new, list(wanted))}")


def _similar(registry: Registry, changes: TaskChanges, left: Mapping[str, str]) -> dict[str, str]:
    new = (changes[task_id].checked for task_id in changes.labelled("created"))
    stored = registry.planned.stored(left)
    return similar_tasks(filter(None, new), [one for one in stored if one is not None])


def _removals(registry: Registry, gone: Sequence[str], kept: CheckedTasks) -> list[TaskChange]:
    """Return the removals of tasks, each after those of the tasks that come after it."""
    if not gone:
        return []
    upstream = {task.id: {one.task for one in task.after} for task in kept.values()}
    downstream = {
        task_id: [one for one in registry.downstream(task_id) if task_id in upstream.get(one, {task_id})]
        for task_id in gone
    }
    broken = {
        task_id: [one for one in others if one not in downstream] for task_id, others in downstream.items()
    }
    what = "would be removed, and others come after it: {}; change them, too"
    _refuse_broken(
        {one: [Problem("", what.format(", ".join(others)))] for one, others in broken.items() if others},
        "this plan",
    )
    from graphlib import TopologicalSorter

    order = [one for one in TopologicalSorter(downstream).static_order() if one in downstream]
    seen = zip(order, registry.planned.stored(order), strict=True)
    return [TaskChange(task_id, "removed", one) for task_id, one in seen]


def plan_of_revision(registry: Registry, task_id: str, number: int | None) -> Plan:
    """Return the plan that gives a task the definition of a former revision; by default of the one before.

    Raises:
        UnknownTaskError: there is no such task or revision, or it is no longer kept.
        InvalidTaskError: the former definition is not valid now; lists every problem.
    """
    (seen,) = registry.planned.stored([task_id])
    if seen is None:
        if task_id in registry.ids():
            raise unknown_task(registry, task_id)  # it cannot be read
        raise UnknownTaskError(
            f"task {quoted(task_id)} is not registered, so none of its revisions is kept; the record of "
            "changes has them with secrets masked only: apply the task from its file"
        )
    kept = {one["metadata"]["revision"]: one for one in registry.revisions(task_id)}
    current = seen.definition["metadata"]["revision"]
    wanted = current - 1 if number is None else number
    if wanted not in kept or wanted == current:
        which = "is the present one" if wanted == current else "is not kept"
        raise UnknownTaskError(
            f"task {quoted(task_id)}: revision {wanted} {which}; "
            + (
                f"there are {_ranges([one for one in kept if one != current])}"
                if len(kept) > 1
                else "there is no other"
            )
        )
    task = registry.check.parse_new({**kept[wanted], "metadata": seen.definition["metadata"]})
    checked = CheckedTask.of(task)
    changes = TaskChanges({task_id: checked}, [change_of(checked, seen, None, None)])
    return Plan(f"rolled back to revision {wanted}", changes)


def _ranges(numbers: Iterable[int]) -> str:
    found = sorted(numbers)
    return f"{found[0]} to {found[-1]}" if len(found) > 1 else str(found[0])
