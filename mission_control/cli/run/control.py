"""`mission-control run cancel` and `run retry`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.failures import ExitCode
from mission_control.cli.terminal.filters import names_or_filter, none_found, run_filters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import echo, tell
from mission_control.cli.terminal.several import each
from mission_control.model.runs.run_state import RunState

if TYPE_CHECKING:
    from mission_control.dispatch.run_control import RunControl
    from mission_control.installation.installation import Installation
    from mission_control.operate.filters import Filter


@click.command(epilog="Example: mission-control run cancel --queue reports --reason 'wrong month'")
@parameters.maybe_execution_ids
@run_filters
@click.option("--reason", default="cancelled by hand", show_default=True, help="Why; kept with the run.")
@parameters.dry_run
def cancel(execution_ids: tuple[str, ...], wanted: Filter, reason: str, dry_run: bool) -> int:
    """Cancel waiting runs, and stop running ones: those named, or those that filters take.

    No attempt follows. A handler that ignores the interruption is killed after a few seconds. Exit code 4:
    the run had already ended; 7: some had.
    """
    from mission_control.dispatch.run_control import CancelReply, RunControl, existing_run

    with current() as installation:
        control = RunControl.of(installation)

        def cancel_one(execution_id: str) -> ExitCode | None:
            run = existing_run(control.ledger, execution_id)
            if dry_run:
                tell(f"{run.execution_id} is {run.state}; it would be cancelled (dry run)")
                return None
            reply = control.cancel(run.execution_id, reason=reason)
            if reply is CancelReply.FINISHED:
                state = existing_run(control.ledger, run.execution_id).state
                tell(f"{run.execution_id} has already ended: {state}")
                return ExitCode.REFUSED
            done = "cancelled" if reply is CancelReply.CANCELLED else "asked to stop"
            tell(f"{run.execution_id}: {done}")
            return None

        return each(_ids(installation, execution_ids, wanted, is_active=True), cancel_one)


@click.command(epilog="Example: mission-control run retry --status failed --since yesterday")
@parameters.maybe_execution_ids
@run_filters
@parameters.dry_run
def retry(execution_ids: tuple[str, ...], wanted: Filter, dry_run: bool) -> int:
    """Retry finished runs, and start waiting ones now: those named, or those that filters take.

    A finished run is repeated as a new run with the same handler and params. Prints the id of each run. Exit
    code 4: it is running; 7: some are.
    """
    from mission_control.dispatch.run_control import RunControl

    if wanted and not wanted.query.about("state"):
        raise click.UsageError("Say with --status which runs to retry, such as --status failed.")
    with current() as installation:
        control = RunControl.of(installation)
        ids = _ids(installation, execution_ids, wanted)
        return each(ids, lambda execution_id: _retry(control, execution_id, dry_run=dry_run))


def _retry(control: RunControl, execution_id: str, *, dry_run: bool) -> ExitCode | None:
    from mission_control.dispatch.run_control import existing_run

    run = existing_run(control.ledger, execution_id)
    if run.state is RunState.RUNNING:
        tell(f"{run.execution_id} is running; cancel it first")
        return ExitCode.REFUSED
    what = "be repeated as a new run" if run.state.is_final else "run now instead of later"
    if dry_run:
        tell(f"{run.execution_id} is {run.state}; it would {what} (dry run)")
    else:
        echo(control.run_now(run.execution_id))
    return None


def _ids(
    installation: Installation, execution_ids: tuple[str, ...], wanted: Filter, *, is_active: bool = False
) -> tuple[str, ...]:
    """Return the ids that were given, or those of the runs that a filter takes."""
    from mission_control.model.filters.query import term_of
    from mission_control.operate.runs import selected_runs

    names_or_filter(execution_ids, wanted)
    if execution_ids:
        return execution_ids
    if is_active:
        wanted.query = wanted.query.and_([term_of("run", "state", ["active"])])
    runs = selected_runs(installation.ledger, installation.registry, wanted)
    found = tuple(run.execution_id for run in runs)
    if not found:
        raise none_found(wanted)
    return found
