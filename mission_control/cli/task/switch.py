"""`mission-control task enable`, `task disable`, `task sign` and `task remove`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.failures import CommandError, ExitCode
from mission_control.cli.terminal.filters import named_tasks, task_filters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import asks, tell, tell_issues
from mission_control.cli.terminal.several import each
from mission_control.cli.terminal.wording import both_times, own_zone

if TYPE_CHECKING:
    from mission_control.ledger.run_reader import RunReader
    from mission_control.model.definitions.task import TaskDefinition
    from mission_control.operate.filters import Filter
    from mission_control.registry.registry import Registry


@click.command(epilog="Example: mission-control task enable tea coffee")
@parameters.maybe_task_ids
@task_filters
@parameters.reason
@parameters.dry_run
def enable(task_ids: tuple[str, ...], wanted: Filter, reason: str | None, dry_run: bool) -> int:
    """Enable tasks: those named, or those that filters take. Each next fires at its next scheduled time.

    Exit code 7: some of them do not exist.
    """
    from mission_control.operate.task_issues import issues_of_tasks
    from mission_control.operate.tasks import existing_task, task_id_of

    with current() as installation:
        registry, now = installation.registry, installation.clock()
        enabled: list[TaskDefinition] = []

        def enable_one(name: str) -> None:
            task = existing_task(registry, task_id_of(registry, name, changes=True))
            due = task.schedule.next_after(now)
            when = "it has no further scheduled time"
            if due is not None:
                when = f"it next fires at {both_times(due, own_zone(), task.schedule.zone, now)}"
            if not dry_run:
                registry.enable(task.id, reason=reason)
            tell(f"{task.id}: {_did('enabled', is_so=task.enabled, dry_run=dry_run)}; {when}")
            enabled.append(existing_task(registry, task.id))

        code = each(named_tasks(installation, task_ids, wanted), enable_one)
        tell_issues(issues_of_tasks(installation.client, enabled))
    return code


@click.command(epilog="Example: mission-control task disable tea coffee --reason holidays")
@parameters.maybe_task_ids
@task_filters
@parameters.reason
@parameters.dry_run
def disable(task_ids: tuple[str, ...], wanted: Filter, reason: str | None, dry_run: bool) -> int:
    """Disable tasks: those named, or those that filters take. They stop firing until they are enabled.

    Their waiting runs are cancelled, each with its record. One that runs now goes on, and is not retried.
    Exit code 7: some of them do not exist.
    """
    with current() as installation:
        registry, ledger = installation.registry, installation.ledger
        names = named_tasks(installation, task_ids, wanted)
        return each(names, lambda name: _disable(registry, ledger, name, reason, dry_run=dry_run))


def _disable(registry: Registry, ledger: RunReader, name: str, reason: str | None, *, dry_run: bool) -> None:
    from mission_control.model.runs.run_state import WAITING_STATES
    from mission_control.model.values.quantities import counted
    from mission_control.operate.tasks import existing_task, task_id_of

    task = existing_task(registry, task_id_of(registry, name, changes=True))
    waiting = sum(run.state in WAITING_STATES for run in ledger.active_of(task.id))
    if not dry_run:
        registry.disable(task.id, reason=reason)
    tell_downstream(registry.downstream(task.id), "will not run while it is disabled")
    answer = _did("disabled", is_so=not task.enabled, dry_run=dry_run)
    cancels = "would cancel" if dry_run else "cancelled"
    cancelled = f"; {cancels} {counted(waiting, 'waiting run')}" if waiting else ""
    tell(f"{task.id}: {answer}{cancelled}")


def tell_downstream(task_ids: Sequence[str], what: str) -> None:
    """Say what a change of a task does to those that come after it."""
    if task_ids:
        tell(f"{', '.join(task_ids)} {what}")


def _did(what: str, *, is_so: bool, dry_run: bool) -> str:
    if is_so:
        return f"is already {what}"
    return f"would be {what} (dry run)" if dry_run else what


@click.command()
@parameters.maybe_task_ids
@click.option("--all", "every", is_flag=True, help="All tasks.")
@parameters.reason
@parameters.dry_run
def sign(task_ids: tuple[str, ...], every: bool, reason: str | None, dry_run: bool) -> int:
    """Sign tasks, as they are stored, with the first key of MISSION_CONTROL_SIGNING_KEY.

    A task that is not signed does not fire. Look at it first: any program that reaches Redis may have
    written it.
    """
    from mission_control.operate.tasks import existing_task, task_id_of

    with current() as installation:
        registry = installation.registry
        if not installation.settings.signing_key:
            raise CommandError("MISSION_CONTROL_SIGNING_KEY is not set; nothing was signed", ExitCode.REFUSED)
        if every is bool(task_ids):
            raise click.UsageError("Name the tasks to sign, or give --all.")
        names = sorted({*registry.ids()} - {*registry.unreadable()}) if every else task_ids

        def sign_one(name: str) -> None:
            task = existing_task(registry, task_id_of(registry, name, changes=True))
            why = reason if reason is not None else "signed as it is stored"
            is_so = registry.apply(task, reason=why, dry_run=dry_run) == "unchanged"
            tell(f"{task.id}: {_did('signed', is_so=is_so, dry_run=dry_run)}")

        return each(names, sign_one)


@click.command(epilog="Example: mission-control task remove tea coffee --yes")
@parameters.task_ids
@click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
@click.option("--force", is_flag=True, help="Remove them even if other tasks come after them.")
@parameters.reason
@parameters.dry_run
def remove(task_ids: tuple[str, ...], yes: bool, force: bool, reason: str | None, dry_run: bool) -> int:
    """Remove tasks and their history.

    A task that others come after is removed only with --force. Waiting runs are cancelled; one that runs
    now goes on, and is not retried. The audit stream keeps its records. Exit code 7: some were not removed.
    """
    from mission_control.operate.tasks import task_id_of, unknown_task

    with current() as installation:
        registry = installation.registry

        def remove_one(name: str) -> None:
            task_id = task_id_of(registry, name, changes=True)
            what, downstream = _described(registry, task_id), registry.downstream(task_id)
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
            if not registry.unregister(task_id, reason=reason, force=force):
                raise unknown_task(registry, task_id)
            tell(f"{task_id}: removed")

        return each(task_ids, remove_one)


def _described(registry: Registry, task_id: str) -> str:
    from mission_control.operate.tasks import existing_task

    if (problem := registry.unreadable().get(task_id)) is not None:
        return problem
    task = existing_task(registry, task_id)
    return f"{task.schedule.describe()}, {task.handler}"


def _ask(task_id: str, description: str) -> None:
    if not sys.stdin.isatty():
        raise CommandError(
            f"removing {task_id} needs a confirmation, and there is no terminal to ask on; add --yes",
            ExitCode.REFUSED,
        )
    if not asks(f"Remove {task_id} ({description}) and its history?"):
        raise CommandError(f"{task_id} was not removed", ExitCode.REFUSED)
