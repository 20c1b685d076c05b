"""`mission-control next`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.completions import TASK_IDS
from mission_control.cli.terminal.output import echo_file, echo_json_array, tell
from mission_control.cli.terminal.wording import in_own_time, own_zone
from mission_control.cli.views.next_view import Asked, Shown, show_times
from mission_control.configuration.clock import utc_now

if TYPE_CHECKING:
    from mission_control.model.definitions.schedules import Schedule
    from mission_control.model.runs.changed_occurrence import ChangedOccurrence
    from mission_control.operate.next_times import DueTime
    from mission_control.operate.simulation.forecast import Estimate

_DEFAULT_COUNT = 5
_MOST_ESTIMATED = 20


@click.command("next", epilog="Example: mission-control next --schedule 'weekly mon,fri 16:00' -n 3")
@click.argument("task_id", required=False, shell_complete=TASK_IDS)
@click.option(
    "--schedule",
    type=parameters.SCHEDULE,
    metavar="WORDS|JSON",
    help=f"A schedule instead of a task: {parameters.EXAMPLES['schedule']}.",
)
@click.option("--tz", metavar="ZONE", help="The time zone of the schedule; your own by default.")
@click.option(
    "--from",
    "start",
    type=parameters.MOMENT,
    metavar="MOMENT",
    help="Times after this moment instead of now: 'mon 09:00', 2026-03-01T09:00.",
)
@click.option(
    "--between",
    type=(parameters.MOMENT, parameters.MOMENT),
    metavar="MOMENT MOMENT",
    help="All times after the first moment, up to and including the second.",
)
@click.option(
    "--within", type=parameters.DURATION, metavar="DURATION", help="All times from then on within this time."
)
@click.option("-n", "count", type=click.IntRange(min=1), help="How many: 5, or all of a given time.")
@click.option(
    "--eta", is_flag=True, help="Also when each is expected to start: in half of all cases, and in 90 %."
)
@click.option("--ics", is_flag=True, help="Print an iCalendar file: of the task, or of all enabled tasks.")
@parameters.as_json
def next_times(  # noqa: PLR0913, PLR0917  # one parameter an option
    task_id: str | None,
    schedule: str | dict[str, Any] | None,
    tz: str | None,
    start: datetime | None,
    between: tuple[datetime, datetime] | None,
    within: float | None,
    count: int | None,
    eta: bool,
    ics: bool,
    as_json: bool,
) -> None:
    """Show when a task, or a schedule, is due next; without either, which tasks are due next.

    Times are shown in your own time zone, and in the schedule's if clocks differ there. A moment without an
    offset is in your own. With --json the answer is an array of {"scheduled_time": UTC, "local": …}; what a
    pause will skip has its name as "paused", what a condition will skip the reason as "condition", and an
    occurrence that was changed by hand "skipped" or "moved_to"; with --eta, when it is expected to start.
    """
    if between is not None and (start is not None or within is not None):
        raise click.UsageError("give either --between, or --from and --within")
    if within is not None:
        first = utc_now() if start is None else start
        start, between = None, (first, first + timedelta(seconds=within))
    if ics:
        if schedule is not None or tz is not None or as_json:
            raise click.UsageError("--ics is for tasks; leave out --schedule, --tz and --json")
        _echo_calendar(task_id, start, between, count)
        return
    if eta and task_id is None:
        raise click.UsageError("--eta is for one task; give its id")
    if schedule is None and tz is not None:
        raise click.UsageError("--tz is that of --schedule; a task has its own")
    if task_id is schedule is None:
        from mission_control.cli.next_of_all import show_all

        show_all(utc_now() if start is None else start, between, count, as_json=as_json)
        return
    asked = _asked(task_id, schedule, tz)
    times = _times(asked.rule, asked.changed, start, between, count)
    shown = Shown(asked, *((times, None) if not eta else _estimated(asked.task_id, times)))
    if as_json:
        echo_json_array(shown.to_json())
    else:
        show_times(shown)
        if asked.meets is not None:
            tell(f"the next one {asked.meets}")


def _asked(task_id: str | None, schedule: str | dict[str, Any] | None, tz: str | None) -> Asked:
    from mission_control.cli.task.definition_options import in_full
    from mission_control.operate.next_times import bare_schedule

    if task_id is not None and schedule is not None:
        raise click.UsageError("give either a task's id or --schedule")
    if schedule is not None:
        return Asked(bare_schedule(in_full("schedule", schedule, tz)))
    return _of_task(str(task_id))


def _echo_calendar(
    task_id: str | None,
    start: datetime | None,
    between: tuple[datetime, datetime] | None,
    count: int | None,
) -> None:
    from mission_control.cli.terminal.installation_in_use import current
    from mission_control.operate.next_times import occurrence_calendar
    from mission_control.operate.tasks import existing_task, task_id_of

    with current() as installation:
        registry = installation.registry
        one = None if task_id is None else existing_task(registry, task_id_of(registry, task_id))
        tasks = registry.definitions() if one is None else [one]
        seen, now = installation.pauses.read(), installation.clock()
    shown = [task for task in tasks if task.enabled or task_id is not None]
    calendar = occurrence_calendar(
        shown, seen, lambda task, changed: _times(task.schedule, changed, start, between, count), now
    )
    echo_file(calendar)


def _times(
    rule: Schedule,
    changed: Sequence[ChangedOccurrence],
    start: datetime | None,
    between: tuple[datetime, datetime] | None,
    count: int | None,
) -> Iterator[DueTime]:
    from mission_control.operate.next_times import upcoming

    if between is not None:
        return islice(upcoming(rule, *between, changed), count)
    first = utc_now() if start is None else start
    return islice(upcoming(rule, first, changed=changed), _DEFAULT_COUNT if count is None else count)


def _estimated(
    task_id: str, times: Iterable[DueTime]
) -> tuple[list[DueTime], Mapping[datetime, Estimate | None]]:
    """Return occurrences of a task, and when the first of them are expected to start."""
    from mission_control.cli.terminal.installation_in_use import current
    from mission_control.operate.assembly import eta_of
    from mission_control.operate.tasks import existing_task

    found = list(times)
    with current() as installation:
        task = existing_task(installation.registry, task_id)
        due = {one.scheduled_time: one.due for one in found[:_MOST_ESTIMATED]}
        return found, eta_of(installation).of_occurrences(task, due, installation.clock())


def _of_task(task_id: str) -> Asked:
    from mission_control.cli.terminal.installation_in_use import current
    from mission_control.model.policies.pause import pausing_layers
    from mission_control.operate.runs import next_meeting
    from mission_control.operate.tasks import existing_task, task_id_of

    with current() as installation:
        task = existing_task(installation.registry, task_id_of(installation.registry, task_id))
        seen, now = installation.pauses.read(), installation.clock()
        pauses = pausing_layers(seen.in_force(now), task)
        meeting = next_meeting(installation.ledger, task, now)
        meets = None if meeting is None else in_own_time(meeting.words(task.overlap), own_zone())
    if not task.enabled:
        tell(f"{task.id} is disabled; if enabled, it would be due:")
    if task.schedule.spread_seconds:
        tell(f"each fires up to {task.schedule.spread_seconds:g} s later, always by the same offset")
    changed = seen.changed_of(task.id, also_over=True)
    return Asked(task.schedule, pauses, changed, task.condition, meets, task.id)
