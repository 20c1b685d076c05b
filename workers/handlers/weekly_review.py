"""The weekly review: how each task did, and what the coming week brings."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from mission_control.errors import InvalidTaskError
from mission_control.handler_catalog.contract import failure, read_params, success
from mission_control.installation.installation import current_installation
from mission_control.model.values.frozen_model import FrozenModel
from workers.briefings.briefing_file import write_briefing
from workers.briefings.due_tasks import due_between
from workers.briefings.occasion import Occasion, ZoneName
from workers.briefings.sources import Unreadable, enabled_tasks, finished_runs
from workers.briefings.weekly import WeeklyFacts, weekly_headline, weekly_lines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mission_control.configuration.settings import Settings
    from mission_control.installation.installation import Installation
    from mission_control.model.definitions.task import TaskDefinition
    from mission_control.model.runs.run_record import RunRecord

_WEEK: Final = timedelta(days=7)


class _Params(FrozenModel):
    timezone: ZoneName | None = None


def run(context: Mapping[str, Any]) -> dict[str, Any]:
    """Write a review of the last seven days as Markdown and return its path and a summary of one line.

    Params, all optional: timezone.
    """
    try:
        params = read_params(_Params, context)
    except InvalidTaskError as error:
        return failure(error)
    installation = current_installation()
    timezone = params.timezone if params.timezone is not None else installation.settings.timezone
    occasion = Occasion.of(context, timezone=timezone)
    facts = _gather(installation, occasion)
    path = write_briefing(
        installation.settings.data_dir / "briefings",
        f"{facts.title}-{occasion.task_id}",
        weekly_lines(facts),
        occasion.execution_id,
    )
    return success({"path": str(path), "summary": weekly_headline(facts)})


def _gather(installation: Installation, occasion: Occasion) -> WeeklyFacts:
    now = occasion.now
    start = now - _WEEK
    unreadable = Unreadable()
    tasks = enabled_tasks(installation, unreadable)
    runs = finished_runs(installation.ledger, start - _WEEK)
    this_week = _ended_between(runs, start, now)
    return WeeklyFacts(
        title=_week_of(occasion),
        start=start,
        now=now,
        zone=occasion.zone,
        runs=this_week,
        runs_before=_ended_between(runs, start - _WEEK, start),
        idle=_idle(tasks, this_week, start, now),
        due=due_between(tasks, now, now + _WEEK),
        names={task.id: task.name for task in tasks},
        caveats=_caveats(runs, installation.settings),
        unreadable=unreadable.problems,
    )


def _week_of(occasion: Occasion) -> str:
    """Return the ISO week of the day before, the last whole one: on a Monday, the week that is over."""
    last_day = (occasion.today - timedelta(days=1)).isocalendar()
    return f"{last_day.year}-W{last_day.week:02}"


def _ended_between(runs: list[RunRecord], start: datetime, end: datetime) -> list[RunRecord]:
    return [run for run in runs if run.finished_at is not None and start < run.finished_at <= end]


def _idle(
    tasks: list[TaskDefinition], runs: list[RunRecord], start: datetime, end: datetime
) -> list[tuple[str, int]]:
    """Return the tasks without a run that started and how often each was due, the most often due first."""
    started = {run.task_id for run in runs if run.started_at is not None}
    idle = [task for task in tasks if task.id not in started]
    return sorted(((task.id, _times_due(task, start, end)) for task in idle), key=lambda one: -one[1])


def _times_due(task: TaskDefinition, start: datetime, end: datetime) -> int:
    created = task.metadata.created
    since = start if created is None else max(start, created)
    return sum(due.count for due in due_between([task], since, end))


def _caveats(runs: list[RunRecord], settings: Settings) -> list[str]:
    """Say where the ledger keeps less than two weeks, and the figures are therefore too low."""
    caveats = []
    if settings.retention < 2 * _WEEK:
        caveats.append(
            f"Runs are kept for {settings.retention_days} days only; figures before that are missing."
        )
    counts: dict[str, int] = {}
    for one in runs:
        counts[one.task_id] = counts.get(one.task_id, 0) + 1
    full = sorted(task_id for task_id, count in counts.items() if count >= settings.retention_runs)
    if full:
        named = ", ".join(f"`{task_id}`" for task_id in full)
        caveats.append(
            f"Only the last {settings.retention_runs:,} runs of a task are kept: {named} had more."
        )
    return caveats
