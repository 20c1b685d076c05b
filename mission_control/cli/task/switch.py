"""`mission-control task enable`, `task disable`, `task sign` and `task remove`."""

import sys
from collections.abc import Sequence

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.exit_codes import ExitCode
from mission_control.cli.terminal.failures import CommandError
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import asks, tell, tell_issues
from mission_control.cli.terminal.wording import in_how_long, local_time


@click.command()
@parameters.task_id
@parameters.reason
@parameters.dry_run
def enable(task_id: str, reason: str | None, dry_run: bool) -> None:
    """Enable a task. It next fires at its next scheduled time."""
    from mission_control.operate.task_issues import issues_of_tasks
    from mission_control.operate.tasks import existing_task

    with current() as installation:
        task = existing_task(installation.registry, task_id)
        now = installation.clock()
        due = task.schedule.next_after(now)
        when = "it has no further scheduled time"
        if due is not None:
            local = f"{local_time(due, task.schedule.zone)} {task.schedule.timezone}"
            when = f"it next fires at {local} ({in_how_long(due, now)})"
        if not dry_run:
            installation.registry.enable(task_id, reason=reason)
        tell(f"{task_id}: {_did('enabled', is_so=task.enabled, dry_run=dry_run)}; {when}")
        tell_issues(issues_of_tasks(installation.client, [existing_task(installation.registry, task_id)]))


@click.command()
@parameters.task_id
@parameters.reason
@parameters.dry_run
def disable(task_id: str, reason: str | None, dry_run: bool) -> None:
    """Disable a task. It stops firing until it is enabled.

    Its waiting runs are cancelled, each with its record. One that runs now goes on, and is not retried.
    """
    from mission_control.model.runs.run_state import WAITING_STATES
    from mission_control.model.values.quantities import counted
    from mission_control.operate.tasks import existing_task

    with current() as installation:
        task = existing_task(installation.registry, task_id)
        waiting = sum(run.state in WAITING_STATES for run in installation.ledger.active_of(task_id))
        if not dry_run:
            installation.registry.disable(task_id, reason=reason)
        tell_downstream(installation.registry.downstream(task_id), "will not run while it is disabled")
        answer = _did("disabled", is_so=not task.enabled, dry_run=dry_run)
        cancels = "would cancel" if dry_run else "cancelled"
        cancelled = f"; {cancels} {counted(waiting, 'waiting run')}" if waiting else ""
        tell(f"{task_id}: {answer}{cancelled}")


def tell_downstream(task_ids: Sequence[str], what: str) -> None:
    """Say what a change of a task does to those that come after it."""
    if task_ids:
        tell(f"{', '.join(task_ids)} {what}")


def _did(what: str, *, is_so: bool, dry_run: bool) -> str:
    if is_so:
        return f"is already {what}"
    return f"would be {what} (dry run)" if dry_run else what


@click.command()
@click.argument("task_ids", nargs=-1, metavar="[TASK_ID]...")
@click.option("--all", "every", is_flag=True, help="All tasks.")
@parameters.reason
@parameters.dry_run
def sign(task_ids: tuple[str, ...], every: bool, reason: str | None, dry_run: bool) -> None:
    """Sign tasks, as they are stored, with the first key of MISSION_CONTROL_SIGNING_KEY.

    A task that is not signed does not fire. Look at it first: any program that reaches Redis may have
    written it.
    """
    from mission_control.operate.tasks import existing_task

    with current() as installation:
        registry = installation.registry
        if not installation.settings.signing_key:
            raise CommandError("MISSION_CONTROL_SIGNING_KEY is not set; nothing was signed", ExitCode.REFUSED)
        if every is bool(task_ids):
            raise click.UsageError("Name the tasks to sign, or give --all.")
        names = sorted({*registry.ids()} - {*registry.unreadable()}) if every else task_ids
        for task in [existing_task(registry, task_id) for task_id in names]:
            why = reason if reason is not None else "signed as it is stored"
            is_so = registry.apply(task, reason=why, dry_run=dry_run) == "unchanged"
            tell(f"{task.id}: {_did('signed', is_so=is_so, dry_run=dry_run)}")


@click.command()
@parameters.task_id
@click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
@click.option("--force", is_flag=True, help="Remove it even if other tasks come after it.")
@parameters.reason
@parameters.dry_run
def remove(task_id: str, yes: bool, force: bool, reason: str | None, dry_run: bool) -> None:
    """Remove a task and its history.

    A task that others come after is removed only with --force. Its waiting runs are cancelled; one that runs
    now goes on, and is not retried. The audit stream keeps its records.
    """
    from mission_control.operate.tasks import existing_task, unknown_task

    with current() as installation:
        what = installation.registry.unreadable().get(task_id)
        if what is None:
            task = existing_task(installation.registry, task_id)
            what = f"{task.schedule.describe()}, {task.handler}"
        downstream = installation.registry.downstream(task_id)
        tell_downstream(downstream, "would no longer run after it")
        if downstream and not force:
            raise CommandError(
                f"{task_id} was not removed: change what comes after it first, or add --force",
                ExitCode.REFUSED,
            )
        if dry_run:
            tell(f"{task_id}: would be removed (dry run): {what}")
            return
        if not yes:
            _ask(task_id, what)
        if not installation.registry.unregister(task_id, reason=reason, force=force):
            raise unknown_task(installation.registry, task_id)
        tell(f"{task_id}: removed")


def _ask(task_id: str, description: str) -> None:
    if not sys.stdin.isatty():
        raise CommandError(
            f"removing {task_id} needs a confirmation, and there is no terminal to ask on; add --yes",
            ExitCode.REFUSED,
        )
    if not asks(f"Remove {task_id} ({description}) and its history?"):
        raise CommandError(f"{task_id} was not removed", ExitCode.REFUSED)
