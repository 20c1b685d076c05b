"""`mission-control run cancel` and `run retry`."""

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.exit_codes import ExitCode
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import echo, tell
from mission_control.cli.terminal.parameters import execution_id as of_run
from mission_control.model.runs.run_state import RunState


@click.command()
@of_run
@click.option("--reason", default="cancelled by hand", show_default=True, help="Why; kept with the run.")
@parameters.dry_run
def cancel(execution_id: str, reason: str, dry_run: bool) -> ExitCode | None:
    """Cancel a waiting run, or stop a running one. No attempt follows.

    A handler that ignores the interruption is killed after a few seconds. Exit code 4: the run had
    already ended.
    """
    from mission_control.dispatch.run_control import CancelReply, RunControl, existing_run

    with current() as installation:
        control = RunControl.of(installation)
        run = existing_run(control.ledger, execution_id)
        execution_id = run.execution_id
        if dry_run:
            tell(f"{execution_id} is {run.state}; it would be cancelled (dry run)")
            return None
        reply = control.cancel(execution_id, reason=reason)
        if reply is CancelReply.FINISHED:
            tell(f"{execution_id} has already ended: {existing_run(control.ledger, execution_id).state}")
            return ExitCode.REFUSED
        tell(f"{execution_id}: {'cancelled' if reply is CancelReply.CANCELLED else 'asked to stop'}")
    return None


@click.command()
@of_run
@parameters.dry_run
def retry(execution_id: str, dry_run: bool) -> ExitCode | None:
    """Retry a finished run, or start a waiting one now.

    A finished run is repeated as a new run with the same handler and params. Prints the run's id. Exit
    code 4: it is running.
    """
    from mission_control.dispatch.run_control import RunControl, existing_run

    with current() as installation:
        control = RunControl.of(installation)
        run = existing_run(control.ledger, execution_id)
        execution_id = run.execution_id
        if run.state is RunState.RUNNING:
            tell(f"{execution_id} is running; cancel it first")
            return ExitCode.REFUSED
        what = "be repeated as a new run" if run.state.is_final else "run now instead of later"
        if dry_run:
            tell(f"{execution_id} is {run.state}; it would {what} (dry run)")
            return None
        echo(control.run_now(execution_id))
    return None
