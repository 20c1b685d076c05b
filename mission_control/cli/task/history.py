"""`mission-control task history`."""

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import echo, echo_json, table, tell
from mission_control.cli.views.run_view import COLUMNS, run_row


@click.command()
@parameters.task_id
@click.option("-n", "limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many runs.")
@parameters.as_json
def history(task_id: str, limit: int, as_json: bool) -> None:
    """Show a task's runs, latest first.

    The ledger forgets old runs; `audit tail --task ID` shows them all.
    """
    from mission_control.operate.runs import run_json, task_history
    from mission_control.operate.tasks import existing_task

    with current() as installation:
        runs = task_history(installation.ledger, installation.registry, task_id, limit=limit)
        if as_json:
            echo_json([run_json(run) for run in runs])
        elif runs:
            here = existing_task(installation.registry, task_id).schedule.zone
            rows = [run_row(run, here) for run in runs]
            echo(table(*COLUMNS, rows=rows, right=("late", "attempts", "took")))
        else:
            tell(f"{task_id} has not run yet")
