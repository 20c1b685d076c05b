"""What keeps a task or a run from being done, asked about a few of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from redis import Redis

from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.runs.run_record import RunRecord
from mission_control.operate.health import (
    Work,
    beat_issues,
    of_runs,
    of_tasks,
    quarantine_issues,
    work_issues,
)
from mission_control.operate.issue import Issue
from mission_control.processes.heartbeats import ANSWER_SECONDS, ProcessInfo, live_processes
from mission_control.registry.checked_task import CheckedTask


def issues_of_tasks(client: Redis, tasks: Iterable[TaskDefinition | CheckedTask]) -> list[Issue]:
    """Return what keeps enabled tasks from firing or running."""
    return issues_of_work(client, of_tasks(task for task in tasks if task.enabled))


def issues_of_work(client: Redis, work: Work) -> list[Issue]:
    """Return what keeps enabled tasks from firing or running, by the work that they will send."""
    alive = live_processes(client, within_seconds=ANSWER_SECONDS)
    return [*beat_issues(alive), *work_issues(alive, [work])] if work else []


def issues_of_run(client: Redis, run: RunRecord) -> list[Issue]:
    """Return what keeps a waiting run from being done."""
    return list(work_issues(live_processes(client, within_seconds=ANSWER_SECONDS), [of_runs([run])]))


def tasks_with_issues(client: Redis, tasks: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield tasks in the story's shape; each history has `issues`, which keep the task from being done."""
    alive = live_processes(client, within_seconds=ANSWER_SECONDS)
    return (_with_issues(task, alive) for task in tasks)


def _with_issues(task: Mapping[str, Any], alive: Sequence[ProcessInfo]) -> dict[str, Any]:
    history, issues = task["execution_history"], list[Issue]()
    if task.get("enabled", True):
        notes = [{"kind": "task", "what": task["id"], "problem": history["problem"], **_stays(history)}]
        work = {(task["queue"], task["handler"]): [task["id"]]} if "handler" in task else {}
        issues += quarantine_issues(notes) if history["problem"] is not None else []
        issues += [*beat_issues(alive), *work_issues(alive, [work])]
    return {**task, "execution_history": {**history, "issues": [one.to_json() for one in issues]}}


def _stays(history: Mapping[str, Any]) -> dict[str, str]:
    return {} if history["next_run"] is None else {"stays": "yes"}
