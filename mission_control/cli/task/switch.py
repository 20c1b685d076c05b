"""`mission-control task enable` and `task disable`."""

from __future__ import annotations

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current, existing_task
from mission_control.cli.terminal.output import tell
from mission_control.cli.terminal.wording import in_how_long, local_time

_reason = click.option("--reason", help="Why; kept in the record of changes.")


@click.command()
@parameters.task_id
@_reason
@parameters.dry_run
def enable(task_id: str, reason: str | None, dry_run: bool) -> None:
    """Let a task fire again, from its next time after now on."""
    with current() as installation:
        task = existing_task(installation, task_id)
        now = installation.clock()
        due = task.schedule.next_after(now)
        when = "it has no further time" if due is None else f"next {in_how_long(due, now)}"
        at = "" if due is None else f", {local_time(due, task.schedule.zone)} {task.schedule.timezone}"
        if not dry_run:
            installation.registry.enable(task_id, reason=reason)
        tell(f"{task_id}: {_did('enabled', is_so=task.enabled, dry_run=dry_run)}; {when}{at}")


@click.command()
@parameters.task_id
@_reason
@parameters.dry_run
def disable(task_id: str, reason: str | None, dry_run: bool) -> None:
    """Keep a task from firing, without removing it.

    Runs already sent still run.
    """
    with current() as installation:
        task = existing_task(installation, task_id)
        if not dry_run:
            installation.registry.disable(task_id, reason=reason)
        tell(f"{task_id}: {_did('disabled', is_so=not task.enabled, dry_run=dry_run)}")


def _did(what: str, *, is_so: bool, dry_run: bool) -> str:
    if is_so:
        return f"is {what} already"
    return f"would be {what} (dry run)" if dry_run else what
