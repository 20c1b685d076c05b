"""`mission-control task history`."""

from __future__ import annotations

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current, existing_task
from mission_control.cli.terminal.output import echo, echo_json, table, tell
from mission_control.cli.views.run_view import COLUMNS, run_row
from mission_control.operate.run_json import run_json


@click.command()
@parameters.task_id
@click.option("-n", "limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many runs.")
@parameters.as_json
def history(task_id: str, limit: int, as_json: bool) -> None:
    """Show a task's runs, the latest first.

    They are those that the ledger has, which forgets runs after a while; `audit tail --task ID` shows all.
    """
    with current() as installation:
        task = existing_task(installation, task_id)
        runs = installation.ledger.runs_of(task_id, limit=limit)
        if as_json:
            echo_json([run_json(run) for run in runs])
        elif runs:
            rows = [run_row(run, task.schedule.zone) for run in runs]
            echo(table(*COLUMNS, rows=rows, right=("late", "attempts", "took")))
        else:
            tell(f"{task_id} has not run yet")
