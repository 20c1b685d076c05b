"""`mission-control next`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.output import echo, echo_json_array, printable, table, tell
from mission_control.cli.terminal.wording import in_how_long, local_time
from mission_control.configuration.clock import utc_now

if TYPE_CHECKING:
    from mission_control.model.definitions.schedules import Schedule
    from mission_control.model.policies.pause import PauseLayer
    from mission_control.model.runs.changed_occurrence import ChangedOccurrence
    from mission_control.operate.next_times import DueTime

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
    "--from", "start", type=parameters.MOMENT, metavar="ISO", help="Times after this moment instead of now."
)
@click.option(
    "--between",
    type=(parameters.MOMENT, parameters.MOMENT),
    metavar="ISO ISO",
    help="All times after the first moment, up to and including the second.",
)
@click.option("-n", "count", type=click.IntRange(min=1), help="How many: 5, or all with --between.")
@parameters.as_json
def next_times(
    task_id: str | None,
    schedule: dict[str, Any] | None,
    start: datetime | None,
    between: tuple[datetime, datetime] | None,
    count: int | None,
    as_json: bool,
) -> None:
    """Show when a task, or a schedule, is due next.

    A moment is ISO 8601, such as 2026-03-01T09:00:00Z. Without an offset it is local time in the
    schedule's zone. With --json the answer is an array of {"scheduled_time": UTC, "local": …}; what a pause
    will skip has its name as "paused", and an occurrence that was changed by hand "skipped" or "moved_to".
    """
    from mission_control.configuration.settings import read_settings
    from mission_control.operate.next_times import bare_schedule, due_json

    if (task_id is None) == (schedule is None):
        raise click.UsageError("give either a task's id or --schedule JSON")
    if start is not None and between is not None:
        raise click.UsageError("give either --from or --between")
    pauses: list[PauseLayer] = []
    changed: list[ChangedOccurrence] = []
    meets: str | None = None
    if schedule is not None:
        rule = bare_schedule(schedule, default_timezone=read_settings().timezone)
    else:
        rule, pauses, changed, meets = _of_task(str(task_id))
    times = _times(rule, changed, start, between, count)
    if as_json:
        echo_json_array(due_json(due, rule, pauses) for due in times)
    else:
        _show(rule, times, pauses)
        if meets is not None:
            tell(f"the next one {meets}")


def _times(
    rule: Schedule,
    changed: list[ChangedOccurrence],
    start: datetime | None,
    between: tuple[datetime, datetime] | None,
    count: int | None,
) -> Iterator[DueTime]:
    from mission_control.model.definitions.schedules.clock.wall_clock import earliest
    from mission_control.operate.next_times import upcoming

    if between is not None:
        first, last = (earliest(moment, rule.zone) for moment in between)
        return islice(upcoming(rule, first, last, changed), count)
    first = utc_now() if start is None else earliest(start, rule.zone)
    return islice(upcoming(rule, first, changed=changed), _DEFAULT_COUNT if count is None else count)


def _show(rule: Schedule, times: Iterator[DueTime], pauses: list[PauseLayer]) -> None:
    now = utc_now()
    rows = [
        (
            local_time(one.due, rule.zone),
            one.due.astimezone(rule.zone).strftime("%A"),
            in_how_long(one.due, now),
            "; ".join(_notes(one, rule, pauses)),
        )
        for one in times
    ]
    tell(rule.describe())
    if rows:
        columns = 4 if any(row[-1] for row in rows) else 3
        echo(table(rule.timezone, *[""] * (columns - 1), rows=[row[:columns] for row in rows]))
    else:
        tell("no such time")


def _notes(one: DueTime, rule: Schedule, pauses: list[PauseLayer]) -> Iterator[str]:
    if one.change is not None:
        own = "" if one.change.to is None else f"{local_time(one.scheduled_time, rule.zone)} "
        yield printable(f"{own}{one.change.words()}")
    yield from (printable(f"paused ({layer.name})") for layer in pauses if layer.holds(one.due))


def _of_task(task_id: str) -> tuple[Schedule, list[PauseLayer], list[ChangedOccurrence], str | None]:
    from mission_control.cli.terminal.installation_in_use import current
    from mission_control.cli.views.run_view import meeting_words
    from mission_control.operate.pausing import pausing_layers
    from mission_control.operate.runs import next_meeting
    from mission_control.operate.tasks import existing_task

    with current() as installation:
        task = existing_task(installation.registry, task_id)
        seen, now = installation.pauses.read(), installation.clock()
        pauses = pausing_layers(seen.in_force(now), task)
        meeting = next_meeting(installation.ledger, task, now)
        meets = None if meeting is None else meeting_words(meeting, task.overlap, task.schedule.zone)
    if not task.enabled:
        tell(f"{task.id} is disabled; if enabled, it would be due:")
    if task.schedule.spread_seconds:
        tell(f"each fires up to {task.schedule.spread_seconds:g} s later, always by the same offset")
    return task.schedule, pauses, seen.changed_of(task.id), meets
