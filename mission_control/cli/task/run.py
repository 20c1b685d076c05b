"""`mission-control task run`."""

from typing import Any

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.exit_codes import ExitCode
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.views.waiting_for_runs import announce, show_prepared, show_result, show_sent


@click.command()
@parameters.task_id
@parameters.run_params
@parameters.wait
@parameters.timeout
@parameters.as_json
@parameters.dry_run
def run(
    task_id: str,
    params: dict[str, Any] | None,
    wait: bool,
    timeout: float | None,
    as_json: bool,
    dry_run: bool,
) -> ExitCode:
    """Run a task now, outside its schedule, even if it is disabled.

    Prints the run's id, or its result with --wait. Exit code 1: the run failed.
    """
    from mission_control.dispatch.enqueue import Dispatch
    from mission_control.operate.tasks import existing_task

    with current() as installation:
        existing_task(installation.registry, task_id)
        dispatch = Dispatch.of(installation)
        if dry_run:
            show_prepared(dispatch.prepare(task_id, params))
            return ExitCode.DONE
        sent = dispatch.enqueue(task_id, params)
        announce(installation.client, sent)
        return show_result(sent, timeout, as_json=as_json) if wait else show_sent(sent, as_json=as_json)
