"""`mission-control audit query`."""

from datetime import datetime
from itertools import islice

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.output import echo, echo_json_array, tell
from mission_control.cli.views.audit_view import record_table


@click.command()
@parameters.only_task
@parameters.only_run
@parameters.only_status
@click.option(
    "--from", "since", type=parameters.MOMENT, metavar="ISO", help="Only records of this time or later."
)
@click.option("--to", "until", type=parameters.MOMENT, metavar="ISO", help="Only records before this time.")
@click.option("--final", "is_final", is_flag=True, help="Only final records, no earlier attempts.")
@click.option("-n", "limit", type=click.IntRange(min=1), help="At most this many, oldest first.")
@click.option("--count", "is_counted", is_flag=True, help="Print only how many there are.")
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
    """Search all records, oldest first, in rotated and compressed files too."""
    from mission_control.audit.stream.reader import RecordFilter, read_all
    from mission_control.cli.audit.tail import check_status, tell_unreadable
    from mission_control.configuration.settings import read_settings
    from mission_control.model.definitions.schedules.clock.wall_clock import earliest
    from mission_control.model.values.zones import zone

    check_status(status)
    settings = read_settings()
    local = zone(settings.timezone)
    first, end = (None if moment is None else earliest(moment, local) for moment in (since, until))
    wanted = RecordFilter(task_id, execution_id, status, first, end, True if is_final else None)
    found = islice(read_all(settings.task_execution_log, wanted=wanted, on_corrupt=tell_unreadable), limit)
    if is_counted:
        echo(str(sum(1 for _ in found)))
    elif as_json:
        echo_json_array(found)
    else:
        records = list(found)
        echo(record_table(records, settings.timezone)) if records else tell("no such records")
