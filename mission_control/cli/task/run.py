"""`mission-control task run`."""

from typing import Any

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.exit_codes import ExitCode
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.views.sending import send


@click.command()
@parameters.task_id
@parameters.run_params
@parameters.answer
def run(task_id: str, params: dict[str, Any] | None, **answer: Any) -> ExitCode:  # noqa: ANN401
    """Run a task now, outside its schedule, even if it is disabled.

    Prints the run's id, or its result with --wait. Exit code 1: the run failed.
    """
    from mission_control.dispatch.enqueue import Dispatch
    from mission_control.operate.tasks import existing_task

    with current() as installation:
        existing_task(installation.registry, task_id)
        return send(Dispatch.of(installation), installation.client, task_id, params, **answer)
