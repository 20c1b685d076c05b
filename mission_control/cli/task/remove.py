"""`mission-control task remove`."""

import sys

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.exit_codes import ExitCode
from mission_control.cli.terminal.failures import CommandError
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import tell


@click.command()
@parameters.task_id
@click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
@parameters.reason
@parameters.dry_run
def remove(task_id: str, yes: bool, reason: str | None, dry_run: bool) -> None:
    """Remove a task and its history.

    Runs already sent still run. The audit stream keeps its records.
    """
    from mission_control.operate.tasks import existing_task, unknown_task

    with current() as installation:
        task = existing_task(installation.registry, task_id)
        if dry_run:
            tell(f"{task_id}: would be removed (dry run): {task.schedule.describe()}, {task.handler}")
            return
        if not yes:
            _ask(task_id, task.schedule.describe())
        if not installation.registry.unregister(task_id, reason=reason):
            raise unknown_task(installation.registry, task_id)
        tell(f"{task_id}: removed")


def _ask(task_id: str, description: str) -> None:
    if not sys.stdin.isatty():
        raise CommandError(
            f"removing {task_id} needs a confirmation, and there is no terminal to ask on; add --yes",
            ExitCode.REFUSED,
        )
    if not click.confirm(f"Remove {task_id} ({description}) and its history?", err=True):
        raise CommandError(f"{task_id} was not removed", ExitCode.REFUSED)
