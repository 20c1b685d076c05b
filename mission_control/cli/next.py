"""`mission-control next`."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.output import echo, echo_json_array, table, tell
from mission_control.cli.terminal.wording import in_how_long, local_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mission_control.model.definitions.schedules import Schedule
    from mission_control.model.definitions.task import TaskDefinition

_DEFAULT_COUNT = 5


@click.command("next")
@click.argument("task_id", required=False)
@click.option(
    "--schedule",
    type=parameters.SCHEDULE,
    metavar="JSON",
    help=f"A schedule instead of a task: {parameters.EXAMPLES['schedule']}.",
)
@click.option(
    "--from", "start", type=parameters.MOMENT, metavar="ISO", help="Times after this moment, not after now."
)
@click.option(
    "--between",
    type=(parameters.MOMENT, parameters.MOMENT),
    metavar="ISO ISO",
    help="All times after the first moment, up to and including the second.",
)
@click.option("-n", "count", type=click.IntRange(min=1), help="How many; 5, with --between all.")
@parameters.as_json
def next_times(
    task_id: str | None,
    schedule: dict[str, Any] | None,
    start: datetime | None,
    between: tuple[datetime, datetime] | None,
    count: int | None,
    as_json: bool,
) -> None:
    """Show when a task, or a schedule, is next due.

    A moment is ISO 8601, such as 2026-03-01T09:00:00Z; without an offset it is local time in the
    schedule's zone. With --json the answer is an array of {"scheduled_time": UTC, "local": …}.
    """
    if (task_id is None) == (schedule is None):
        raise click.UsageError("give either a task's id or --schedule JSON")
    if start is not None and between is not None:
        raise click.UsageError("give either --from or --between")
    rule = _parsed(schedule) if schedule is not None else _of_task(str(task_id))
    if as_json:
        echo_json_array(_json(due, rule) for due in _times(rule, start, between, count))
    else:
        _show(rule, _times(rule, start, between, count))


def _times(
    rule: Schedule, start: datetime | None, between: tuple[datetime, datetime] | None, count: int | None
) -> Iterator[datetime]:
    from mission_control.configuration.clock import utc_now

    if between is not None:
        return islice(rule.occurrences(_aware(between[0], rule), _aware(between[1], rule)), count)
    first = utc_now() if start is None else _aware(start, rule)
    return islice(_after(rule, first), _DEFAULT_COUNT if count is None else count)


def _after(rule: Schedule, moment: datetime) -> Iterator[datetime]:
    due = rule.next_after(moment)
    while due is not None:
        yield due
        due = rule.next_after(due)


def _aware(moment: datetime, rule: Schedule) -> datetime:
    from mission_control.model.definitions.schedules.clock.wall_clock import earliest

    return moment if moment.tzinfo is not None else earliest(moment, rule.zone)


def _json(due: datetime, rule: Schedule) -> dict[str, str]:
    from mission_control.model.values.instants import format_instant

    return {"scheduled_time": format_instant(due), "local": due.astimezone(rule.zone).isoformat()}


def _show(rule: Schedule, times: Iterator[datetime]) -> None:
    from mission_control.configuration.clock import utc_now

    now = utc_now()
    rows = [
        (local_time(due, rule.zone), due.astimezone(rule.zone).strftime("%A"), in_how_long(due, now))
        for due in times
    ]
    tell(rule.describe())
    if rows:
        echo(table(rule.timezone, "", "", rows=rows))
    else:
        tell("no such time")


def _parsed(schedule: dict[str, Any]) -> Schedule:
    """Return a bare schedule as a model; nothing but the settings is needed for it.

    Raises:
        InvalidTaskError: lists every problem.
    """
    from mission_control.configuration.settings import read_settings
    from mission_control.errors import InvalidTaskError
    from mission_control.files.calendar_file import read_calendar
    from mission_control.model.definitions.task import parse_task

    whole = {"id": "schedule", "handler": "handlers.hello.run", "schedule": schedule}
    try:
        return parse_task(whole, default_timezone=read_settings().timezone, read_text=read_calendar).schedule
    except InvalidTaskError as error:
        raise InvalidTaskError(error.problems, subject="--schedule") from error


def _of_task(task_id: str) -> Schedule:
    from mission_control.cli.terminal.installation_in_use import current, existing_task

    with current() as installation:
        task = existing_task(installation, task_id)
    _tell_what_else_counts(task)
    return task.schedule


def _tell_what_else_counts(task: TaskDefinition) -> None:
    if not task.enabled:
        tell(f"{task.id} is disabled; once enabled it would be due:")
    if task.schedule.spread_seconds:
        tell(f"each is fired up to {task.schedule.spread_seconds:g} s later, always by the same offset")
