"""`mission-control task apply`, `task diff` and `task rollback`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from mission_control.cli.tasks.plan import (
    SIGNS,
    change_lines,
    offer,
    out_file,
    plan_of_files,
    plan_options,
    summary,
    task_files,
    tell_notes,
)
from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.failures import CommandError, ExitCode
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import echo, echo_file, echo_json, tell, tell_issues
from mission_control.cli.terminal.progress import progress_bar
from mission_control.cli.terminal.revealing import require_owner, shown_definitions
from mission_control.cli.views.task_view import when_it_runs

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.operate.plan.shown_plan import ShownChange
    from mission_control.operate.plan.task_plan import Plan

_SHOWN: Final = 20
_PRINTED_AT_ONCE: Final = 1_000


@click.command()
@task_files
@plan_options
@parameters.as_json
@parameters.dry_run
def apply(files: Sequence[Path], as_json: bool, dry_run: bool, **how: Any) -> None:  # noqa: ANN401
    """Apply the tasks in FILEs: JSON, YAML (.yaml, .yml) or TOML (.toml); or a plan. All or nothing.

    FILE defaults to the installation's own: data/tasks/scheduled_tasks.json, or MISSION_CONTROL_TASKS_FILE.
    Tasks that are not in FILE stay as they are, unless --prune removes those that it had before. A plan of
    `task plan --out` is refused if anything in it has changed since. Exit code 7: others changed some of
    its tasks meanwhile.
    """
    from mission_control.operate.plan.shown_plan import shown_tasks

    with current(sets_up=True, dry_run=dry_run) as installation:
        plan, is_strict = _plan_in(installation, files, how)
        carried_out(installation, plan, dry_run=dry_run, must_be_as_seen=is_strict)
        if as_json:
            echo_json(plan.by_kind())
            return
        if dry_run:
            _echo_changes(shown_tasks(plan))
        else:
            _echo_outcome(plan)
        tell_notes(plan)
        note = " (dry run: nothing was applied)" if dry_run else ""
        tell(f"{_named(installation, files)}: {summary(plan.counts())}{note}")


def _plan_in(installation: Installation, files: Sequence[Path], how: Mapping[str, Any]) -> tuple[Plan, bool]:
    """Return the plan of some files, or the one that a plan file holds, and whether it is one."""
    from mission_control.operate.plan.plan_file import checked_plan, read_plan_file

    held = [(path, data) for path in files if (data := read_plan_file(path)) is not None]
    if not held:
        return plan_of_files(installation, files, **how), False
    if len(files) > 1 or any(how.values()):
        raise click.UsageError(
            "A plan is applied alone, and says itself what to do; give no other file or option."
        )
    ((path, data),) = held
    return checked_plan(installation.registry, installation.resources, data, path), True


def carried_out(
    installation: Installation, plan: Plan, *, dry_run: bool = False, must_be_as_seen: bool = False
) -> None:
    """Carry out a plan, and say when its tasks are due next and what keeps them."""
    from mission_control.operate.plan.carrying_out import carry_out
    from mission_control.operate.plan.task_plan import changed_tasks
    from mission_control.operate.task_issues import issues_of_tasks

    with progress_bar("applying", len(plan.tasks)) as advance:
        carry_out(
            installation.registry,
            installation.resources,
            plan,
            dry_run=dry_run,
            must_be_as_seen=must_be_as_seen,
            applied=advance,
        )
    if not dry_run:
        now = installation.clock()
        for task in islice(changed_tasks(plan), _SHOWN):
            tell(f"{task.id}: {when_it_runs(task.definition, now)}")
        tell_issues(issues_of_tasks(installation.client, changed_tasks(plan)))


def _named(installation: Installation, files: Sequence[Path]) -> str:
    return ", ".join(map(str, files)) or str(installation.settings.default_tasks_file)


def _echo_outcome(plan: Plan) -> None:
    lines = (f"{SIGNS[what]} {task_id}\n" for what in SIGNS for task_id in plan.tasks.labelled(what))
    while some := "".join(islice(lines, _PRINTED_AT_ONCE)):
        echo_file(some)


def _echo_changes(changes: Iterable[ShownChange]) -> None:
    for one in changes:
        echo(*change_lines(one))


@click.command(epilog="Example: mission-control task diff tasks.yaml")
@task_files
@plan_options
@parameters.as_json
def diff(files: Sequence[Path], as_json: bool, **how: Any) -> None:  # noqa: ANN401
    """Show what `tasks apply FILE` would change: each field before and after. Changes nothing.

    --json prints an object with the ids of tasks that would be `created` and are `unchanged`, and the fields
    of those that would be `updated`. `task plan` also shows what follows from the changes.
    """
    from mission_control.operate.plan.shown_plan import shown_resources, shown_tasks

    with current(sets_up=True, dry_run=True) as installation:
        plan = plan_of_files(installation, files, **how)
        resources = shown_resources(installation.resources, plan)
        if as_json:
            updated = {one.name: one.fields for one in shown_tasks(plan) if one.kind == "updated"}
            echo_json({**plan.by_kind(), "updated": updated})
            return
        _echo_changes([*resources, *shown_tasks(plan)])
        tell_notes(plan)
        tell(f"{_named(installation, files)}: {summary(plan.counts())}")


@click.command()
@parameters.task_id
@click.option(
    "--to", "number", type=click.IntRange(min=1), metavar="REVISION", help="By default the one before."
)
@out_file
@parameters.reason
@parameters.as_json
@parameters.dry_run
def rollback(
    task_id: str, number: int | None, out: Path | None, reason: str | None, as_json: bool, dry_run: bool
) -> None:
    """Give a task the definition of a former revision, as a new revision; `task revisions` lists them.

    --dry-run shows the plan, and --out writes it to a file for `task apply`, and changes nothing. Where tasks
    are signed, former revisions are not: then --out is needed, so that the plan is looked at first.
    """
    from mission_control.operate.plan.planning import plan_of_revision
    from mission_control.operate.plan.shown_plan import shown_tasks
    from mission_control.operate.tasks import task_id_of

    with current() as installation:
        settings, registry = installation.settings, installation.registry
        task_id = task_id_of(registry, task_id, changes=True)
        plan = plan_of_revision(registry, task_id, number)
        plan = plan if reason is None else replace(plan, reason=f"{plan.reason}: {reason}")
        if dry_run or out is not None:
            found = [one.task.to_dict() for one in plan.tasks.values() if one.task is not None]
            if out is not None and shown_definitions(found, settings.data_dir, reveal=False) != found:
                require_owner(settings.data_dir)
            offer(installation, plan, out, as_json=as_json)
            return
        if settings.signing_key:
            way = f"mission-control task rollback {task_id} --out plan.json, then task apply plan.json"
            raise CommandError(
                f"former revisions are not signed; look at the plan first: {way}", ExitCode.REFUSED
            )
        carried_out(installation, plan, must_be_as_seen=True)
        if as_json:
            echo_json(plan.by_kind())
            return
        for one in shown_tasks(plan):
            echo(*change_lines(one))
        tell(f"{task_id}: {plan.reason}" if plan.counts()["updated"] else f"{task_id}: is so already")
