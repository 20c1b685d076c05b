"""`mission-control run list` and `run show`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import rich_click as click
from rich.text import Text

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import as_text, echo, echo_json, table, tell
from mission_control.cli.terminal.own_zone import own_zone
from mission_control.cli.terminal.parameters import execution_id as of_run
from mission_control.cli.terminal.wording import in_how_long, labelled_time
from mission_control.cli.views.log_view import log_lines
from mission_control.cli.views.run_view import outcome, passed_deadlines, result_text, waiting_words
from mission_control.model.values.quantities import counted

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mission_control.model.runs.run_record import RunRecord

_SHOWN_LINES: Final = 30
_COLUMNS: Final = ("run", "state", "attempt", "since", "output")


@click.command("list")
@click.option("--task", "task_id", metavar="TASK_ID", help="Only runs of this task.")
@click.option(
    "--since",
    type=parameters.PAST_MOMENT,
    metavar="MOMENT",
    help="Show runs too that ended at this time or later: 1h, yesterday.",
)
@click.option("--all", "with_ended", is_flag=True, help="Show ended runs too, latest first.")
@click.option("-n", "limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many runs.")
@parameters.as_json
def list_runs(
    task_id: str | None, since: datetime | None, with_ended: bool, limit: int, as_json: bool
) -> None:
    """List the runs that are waiting, running, or due for a retry."""
    from mission_control.operate.runs import active_runs, run_json

    with current() as installation:
        runs = active_runs(
            installation.ledger,
            installation.registry,
            task_id=task_id,
            limit=limit,
            with_ended=with_ended,
            since=since,
        )
        if as_json:
            echo_json([run_json(run) for run in runs])
        elif runs:
            now = installation.clock()
            echo(table(*_COLUMNS, rows=[_row(run, now) for run in runs], right=("attempt",)))
        else:
            tell("no runs" if with_ended or since is not None else "no run is waiting or running")


def _row(run: RunRecord, now: datetime) -> tuple[str | Text, ...]:
    if run.limited_by is not None:
        until = "" if run.limited_until is None else f" {in_how_long(run.limited_until, now)}"
        when = f"limit {run.limited_by}{until}"
    elif run.retry_at is not None and run.retry_at > now:
        when = f"next attempt {in_how_long(run.retry_at, now)}"
    elif run.attempt == 0 and run.due_at > now:
        calls = "" if run.calls is None else f", {counted(run.calls, 'call')}"
        when = f"due {in_how_long(run.due_at, now)}{calls}"
    else:
        times = (run.finished_at, run.started_at, run.dispatched_at)
        when = in_how_long(next(one for one in times if one is not None), now)
    attempt = str(run.attempt) if run.attempt else ""
    result = result_text(run.output, run.error, run.reason)
    return run.execution_id, outcome(run.state, is_late=bool(passed_deadlines(run))), attempt, when, result


@click.command()
@of_run
@parameters.as_json
def show(execution_id: str, as_json: bool) -> None:
    """Show a run in full, with the last lines of its log, but without its params, which may hold secrets."""
    from mission_control.dispatch.run_control import existing_run
    from mission_control.dispatch.run_logs import RunLogs
    from mission_control.dispatch.waiting_runs import waiting_since
    from mission_control.operate.limits import waits_in_words
    from mission_control.operate.runs import run_json

    with current() as installation:
        run = existing_run(installation.ledger, execution_id)
        if as_json:
            echo_json(run_json(run))
        else:
            here = own_zone()
            echo(table("", "", rows=list(_rows(run, here)), header=False))
            since = waiting_since(installation.client, run)
            if since is not None:
                tell(f"waits for a worker that has {run.handler}, since {labelled_time(since, here)}")
            if run.waits_for is not None:
                tell(waiting_words(run, installation.ledger.get(run.waits_for), here))
            if run.limited_by is not None:
                limit = installation.limits.all().get(run.limited_by)
                tell(waits_in_words(installation.client, run, limit, installation.clock()))
            lines = RunLogs(installation.client, installation.run_logs).lines(run.execution_id)
            if lines:
                echo("", *log_lines(lines[-_SHOWN_LINES:], here))


def _rows(run: RunRecord, here: ZoneInfo) -> Iterator[tuple[str, str]]:
    from mission_control.operate.runs import run_json

    for name in run_json(run):
        value: Any = ", ".join(passed_deadlines(run)) or None if name == "late" else getattr(run, name, None)
        if value is None or value == {}:
            continue
        shown = labelled_time(value, here) if isinstance(value, datetime) else as_text(value)
        yield name.replace("_", " "), shown
