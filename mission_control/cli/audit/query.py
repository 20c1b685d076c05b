"""`mission-control audit query`: searching the permanent record."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.output import echo, echo_json_array, tell
from mission_control.cli.views.audit_view import record_table

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo


@click.command()
@click.option("--task", "task_id", help="Only those of a task.")
@click.option("--run", "execution_id", help="Only those of a run, by its execution id.")
@click.option("--status", help="Only those with a status, such as failure.")
@click.option("--from", "since", type=parameters.MOMENT, help="Only what ended then or later.")
@click.option("--to", "until", type=parameters.MOMENT, help="Only what ended before.")
@click.option("--final", "is_final", is_flag=True, help="Only endings of runs, no attempts before.")
@click.option("-n", "limit", type=click.IntRange(min=1), help="At most so many, the oldest of them.")
@click.option("--count", "is_counted", is_flag=True, help="Print only their number.")
@parameters.as_json
def query(  # noqa: PLR0913, PLR0917  # one parameter an option
    task_id: str | None,
    execution_id: str | None,
    status: str | None,
    since: datetime | None,
    until: datetime | None,
    is_final: bool,
    limit: int | None,
    is_counted: bool,
    as_json: bool,
) -> None:
    """Search all records, rotated and compressed files included, oldest first."""
    from mission_control.audit.stream.reader import RecordFilter, read_all
    from mission_control.cli.audit.tail import check_status, tell_unreadable
    from mission_control.configuration.settings import read_settings
    from mission_control.model.values.zones import zone

    check_status(status)
    settings = read_settings()
    local = zone(settings.timezone)
    wanted = RecordFilter(
        task_id, execution_id, status, _aware(since, local), _aware(until, local), True if is_final else None
    )
    found = islice(read_all(settings.task_execution_log, wanted=wanted, on_corrupt=tell_unreadable), limit)
    if is_counted:
        echo(str(sum(1 for _ in found)))
    elif as_json:
        echo_json_array(found)
    else:
        records = list(found)
        echo(record_table(records, settings.timezone)) if records else tell("no such records")


def _aware(moment: datetime | None, local: ZoneInfo) -> datetime | None:
    from mission_control.model.definitions.schedules.clock.wall_clock import earliest

    return moment if moment is None or moment.tzinfo is not None else earliest(moment, local)
