"""The weekly review: how each task did, and what is due in the coming week."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from mission_control.errors import InvalidTaskError
from mission_control.handler_catalog.contract import failure, read_params, success
from mission_control.installation.installation import current_installation
from mission_control.ledger.ledger import Ledger
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.values.fields import FrozenModel, ZoneName
from workers.briefings.markdown import render
from workers.briefings.occasion import Occasion, write_briefing
from workers.briefings.sources import Unreadable, due_between, enabled_tasks, finished_runs
from workers.briefings.task_runs import TaskRuns, busiest_day, by_task

_WEEK: Final = timedelta(days=7)


class _Params(FrozenModel):
    timezone: ZoneName | None = None


def run(context: Mapping[str, Any]) -> dict[str, Any]:
    """Write a review of the last seven days as Markdown and return its path and a one-line summary.

    Params, all optional: timezone.
    """
    try:
        params = read_params(_Params, context)
    except InvalidTaskError as error:
        return failure(error)
    installation = current_installation()
    settings = installation.settings
    occasion = Occasion.of(context, params.timezone, settings.timezone)
    unreadable = Unreadable()
    tasks = enabled_tasks(installation.registry, unreadable)
    page = render(
        "weekly",
        zone=occasion.zone,
        week=_week_of(occasion),
        now=occasion.now,
        due=due_between(tasks, occasion.now, occasion.now + _WEEK),
        names={task.id: task.name for task in tasks},
        unreadable=unreadable.problems,
        retention_days=settings.retention_days,
        retention_runs=settings.retention_runs,
        **_past(installation.ledger, occasion, tasks, settings.retention_runs),
    )
    stem = f"{_week_of(occasion)}-{occasion.task_id}"
    path = write_briefing(settings.data_dir / "briefings", stem, page.text, occasion.execution_id)
    return success({"path": str(path), "summary": page.summary})


def _week_of(occasion: Occasion) -> str:
    """Return the ISO week of yesterday: on a Monday, the week that has just ended."""
    yesterday = (occasion.today - timedelta(days=1)).isocalendar()
    return f"{yesterday.year}-W{yesterday.week:02}"


def _past(
    ledger: Ledger, occasion: Occasion, tasks: list[TaskDefinition], retention_runs: int
) -> dict[str, Any]:
    start = occasion.now - _WEEK
    runs = finished_runs(ledger, start - _WEEK)
    this_week = _ended_between(runs, start, occasion.now)
    week_before = _ended_between(runs, start - _WEEK, start)
    all_tasks = by_task(this_week)
    before = {one.task_id: TaskRuns(one.task_id) for one in all_tasks}
    all_this_week = TaskRuns("", this_week)
    counts = Counter(run.task_id for run in runs)
    return {
        "start": start,
        "all": all_this_week,
        "all_before": TaskRuns("", week_before),
        "tasks": all_tasks,
        "before": before | {one.task_id: one for one in by_task(week_before)},
        "busiest_day": busiest_day(all_this_week.ran, occasion.zone),
        "idle": _idle(tasks, this_week, start, occasion.now),
        # The ledger has dropped older runs of these.
        "truncated": sorted(task_id for task_id, count in counts.items() if count >= retention_runs),
    }


def _ended_between(runs: list[RunRecord], start: datetime, end: datetime) -> list[RunRecord]:
    return [run for run in runs if run.finished_at is not None and start < run.finished_at <= end]


def _idle(
    tasks: list[TaskDefinition], runs: list[RunRecord], start: datetime, end: datetime
) -> list[tuple[str, int]]:
    """Return the tasks of which no run started, with how often each was due, most often due first."""
    started = {run.task_id for run in runs if run.started_at is not None}
    idle = [task for task in tasks if task.id not in started]
    return sorted(((task.id, _times_due(task, start, end)) for task in idle), key=lambda one: -one[1])


def _times_due(task: TaskDefinition, start: datetime, end: datetime) -> int:
    created = task.metadata.created
    since = start if created is None else max(start, created)
    return sum(due.count for due in due_between([task], since, end))
