"""`mission-control audit tail` and `audit query`: the audit records of runs."""

from __future__ import annotations

from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.output import (
    echo,
    echo_json,
    echo_json_array,
    echo_json_line,
    echo_line,
    tell,
)
from mission_control.cli.terminal.watching import wait_for_reader
from mission_control.cli.terminal.wording import own_zone
from mission_control.cli.views.audit_view import LiveLines, record_table

if TYPE_CHECKING:
    from mission_control.audit.stream.reader import Follower


@click.command()
@click.option(
    "-n", "limit", type=click.IntRange(min=0), default=20, show_default=True, help="How many records."
)
@parameters.only_task
@parameters.only_run
@parameters.only_status
@click.option("--follow", "-f", "is_following", is_flag=True, help="Show new records too, until Ctrl-C.")
@parameters.as_json
def tail(  # one parameter an option
    limit: int,
    task_id: str | None,
    execution_id: str | None,
    status: str | None,
    is_following: bool,
    as_json: bool,
) -> None:
    """Show the latest records, oldest first.

    --json prints an array of the records as they are in the file; with --follow, one record a line.
    """
    from mission_control.audit.stream.reader import Follower, tail
    from mission_control.configuration.settings import read_settings

    settings = read_settings()
    wanted = {"task_id": task_id, "execution_id": execution_id, "status": status}
    # The follower takes its position first, so that no record is missed between the two.
    follower = Follower(settings.task_execution_log, on_corrupt=_tell_unreadable) if is_following else None
    records = tail(settings.task_execution_log, limit, on_corrupt=_tell_unreadable, **wanted)
    if follower is not None:
        _follow(follower, records, wanted, as_json=as_json)
    elif as_json:
        echo_json(records)
    elif records:
        echo(record_table(records, own_zone().key))
    else:
        path = settings.task_execution_log
        tell(
            f"no such records in {path}"
            if path.exists()
            else f"nothing has run yet: there is no {path}; --data-dir (-C) names another data directory"
        )


def _follow(
    follower: Follower,
    records: list[dict[str, Any]],
    wanted: dict[str, str | None],
    *,
    as_json: bool,
) -> None:
    from mission_control.audit.stream.reader import POLL_SECONDS, RecordFilter

    lines, accepted = (
        LiveLines(own_zone().key),
        RecordFilter(wanted["task_id"], wanted["execution_id"], wanted["status"]),
    )
    try:
        while True:
            for record in records:
                if accepted.accepts(record):
                    echo_json_line(record) if as_json else echo_line(lines.line(record))
            wait_for_reader(POLL_SECONDS)
            records = follower.poll()
    except KeyboardInterrupt:
        pass  # ends the command
    finally:
        follower.close()


@click.command()
@parameters.only_task
@parameters.only_run
@parameters.only_status
@click.option(
    "--since",
    "--from",
    "since",
    type=parameters.PAST_MOMENT,
    metavar="MOMENT",
    help="Only records of this time or later: 1h, yesterday, 'mon 09:00'.",
)
@click.option("--to", "until", type=parameters.PAST_MOMENT, metavar="MOMENT", help="Only records before.")
@click.option("--final", "is_final", is_flag=True, help="Only final records, no earlier attempts.")
@click.option("-n", "limit", type=click.IntRange(min=1), help="At most this many, oldest first.")
@click.option("--count", "is_counted", is_flag=True, help="Print only how many there are.")
@click.option("--sql", metavar="SELECT", help="Answer a SELECT from `records` instead; see docs/audit.md.")
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
    sql: str | None,
    as_json: bool,
) -> None:
    """Search all records, oldest first, in rotated and compressed files too."""
    if sql is not None:
        if any((task_id, execution_id, status, since, until, is_final, is_counted)):
            raise click.UsageError("With --sql, select in the statement; only -n and --json go with it.")
        from mission_control.cli.audit.history import answer_sql

        answer_sql(sql, limit, as_json=as_json)
        return
    from mission_control.audit.stream.reader import RecordFilter, read_all
    from mission_control.configuration.settings import read_settings

    settings = read_settings()
    wanted = RecordFilter(task_id, execution_id, status, since, until, True if is_final else None)
    found = islice(read_all(settings.task_execution_log, wanted=wanted, on_corrupt=_tell_unreadable), limit)
    if is_counted:
        echo(str(sum(1 for _ in found)))
    elif as_json:
        echo_json_array(found)
    else:
        first = next(found, None)
        records = () if first is None else chain([first], found)
        echo(record_table(records, own_zone().key)) if first is not None else tell("no such records")


def _tell_unreadable(problem: object) -> None:
    """Report a line that is not a record."""
    tell(f"unreadable record: {problem}")
