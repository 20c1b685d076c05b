"""`mission-control run list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current, existing_task
from mission_control.cli.terminal.output import echo, echo_json, table, tell
from mission_control.cli.terminal.wording import in_how_long, local_time
from mission_control.cli.views.run_view import outcome, said
from mission_control.operate.run_json import run_json

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from rich.text import Text

    from mission_control.installation.installation import Installation
    from mission_control.model.runs.run_record import RunRecord

_COLUMNS: Final = ("run", "state", "attempt", "since", "output")


@click.command("list")
@click.option("--task", "task_id", metavar="TASK_ID", help="Only runs of this task.")
@click.option("--all", "with_finished", is_flag=True, help="Also runs that are over, the latest first.")
@click.option("-n", "limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many runs.")
@parameters.as_json
def list_runs(task_id: str | None, with_finished: bool, limit: int, as_json: bool) -> None:
    """List the runs that are not over: waiting, running, or waiting for their next attempt."""
    from mission_control.model.values.zones import zone

    with current() as installation:
        runs = _runs(installation, task_id, with_finished=with_finished, limit=limit)
        if as_json:
            echo_json([run_json(run) for run in runs])
        elif runs:
            here, now = zone(installation.settings.timezone), installation.clock()
            echo(table(*_COLUMNS, rows=[_row(run, here, now) for run in runs], right=("attempt",)))
        else:
            tell("no runs" if with_finished else "no run is waiting or running")


def _runs(
    installation: Installation, task_id: str | None, *, with_finished: bool, limit: int
) -> list[RunRecord]:
    ledger = installation.ledger
    if task_id is not None:
        existing_task(installation, task_id)
        found = ledger.runs_of(task_id, limit=limit)
        return [run for run in found if with_finished or not run.state.is_final]
    active = ledger.active(limit=limit)
    finished = ledger.last_finished(limit=limit) if with_finished else []
    return [*active, *finished][:limit]


def _row(run: RunRecord, here: tzinfo, now: datetime) -> tuple[str | Text, ...]:
    if run.retry_at is not None and run.retry_at > now:
        when = f"next attempt {in_how_long(run.retry_at, now)}"
    elif run.attempt == 0 and run.scheduled_time > now:
        when = f"due {in_how_long(run.scheduled_time, now)}"
    else:
        times = (run.finished_at, run.started_at, run.dispatched_at)
        when = local_time(next(one for one in times if one is not None), here)
    attempt = str(run.attempt) if run.attempt else ""
    return run.execution_id, outcome(run.state), attempt, when, said(run.output, run.error, run.reason)
