"""`mission-control task add` and `task update`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from mission_control.cli.task.definition_options import Description, definition_options
from mission_control.cli.tasks.plan import field_lines
from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.failures import CommandError, ExitCode
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import echo, echo_json, tell, tell_issues
from mission_control.cli.views.task_view import when_it_runs
from mission_control.errors import TaskFileError

if TYPE_CHECKING:
    from mission_control.registry.definition_check import DefinitionCheck

_EXAMPLE = """\
Example: mission-control task add tea --handler handlers.hello.run -p name=tea
--weekly 'mon,fri 16:00' --tz Europe/Berlin"""


@click.command(epilog=_EXAMPLE)
@click.argument("new_id", metavar="[ID]", required=False)
@click.option("--id", "task_id", help="The new task's id, instead of as the argument.")
@definition_options
@click.option(
    "--file",
    metavar="FILE|-",
    help="Read the definition from a file (JSON, YAML or TOML) or stdin (JSON); options override it.",
)
@click.option("--disabled", is_flag=True, help="Add it disabled, so that it does not fire yet.")
@parameters.dry_run
def add(  # the options of the command
    new_id: str | None,
    task_id: str | None,
    description: Description,
    file: str | None,
    disabled: bool,
    dry_run: bool,
) -> None:
    """Add a task. It first fires at its next scheduled time."""
    from mission_control.audit.record.masking import masked_definition
    from mission_control.operate.handlers import live_workers, workers_with_another_version
    from mission_control.operate.task_issues import issues_of_tasks

    if new_id is not None and task_id is not None:
        raise click.UsageError("Give the id once: as the argument, or by --id.")
    definition = {} if file is None else _read(file)
    definition |= description.changes(definition)
    if (chosen := task_id if new_id is None else new_id) is not None:
        definition["id"] = chosen
    if disabled:
        definition["enabled"] = False
    with current(sets_up=True, dry_run=dry_run) as installation:
        task = installation.registry.check.parse_new(definition)
        is_taken = installation.registry.definition(task.id) is not None
        if is_taken or not (dry_run or installation.registry.add(task)):
            raise CommandError(
                f"the id {task.id!r} is taken; change that task with `task update`, or choose another",
                ExitCode.REFUSED,
            )
        if dry_run:
            echo_json(masked_definition(task.to_dict()))
            tell(f"dry run: nothing was added; it would run {when_it_runs(task, installation.clock())}")
            return
        echo(task.id)
        tell(f"added: {when_it_runs(task, installation.clock())}")
        tell_issues(issues_of_tasks(installation.client, [task]))
        source = installation.catalog.handlers().get(task.handler)
        if source is not None:
            for worker in workers_with_another_version(source, live_workers(installation.client)):
                tell(f"{worker} has another version of {task.handler}; restart it")


def _read(file: str) -> dict[str, Any]:
    from mission_control.files.data_file import read_data_file
    from mission_control.files.json_file import LARGEST_FILE_BYTES, parse_json

    if file == "-":
        found = parse_json(sys.stdin.buffer.read(LARGEST_FILE_BYTES), "stdin")
    else:
        found = read_data_file(Path(file))
    if not isinstance(found, dict):
        raise TaskFileError(
            f"{file}: is not the definition of one task; for several use `mission-control tasks apply`"
        )
    if "tasks" in found:
        raise TaskFileError(f"{file}: holds several tasks; use `mission-control tasks apply {file}`")
    return found


@click.command(epilog="Example: mission-control task update tea --daily 09:00 -p name=Ada")
@parameters.task_id
@definition_options
@parameters.reason
@parameters.as_json
@parameters.dry_run
def update(
    task_id: str,
    description: Description,
    reason: str | None,
    as_json: bool,
    dry_run: bool,
) -> None:
    """Change a task.

    A changed schedule counts from now, so an edit never fires a past occurrence.
    """
    from mission_control.operate.task_issues import issues_of_tasks
    from mission_control.operate.tasks import existing_task, task_id_of, task_json

    if not any(description):
        raise click.UsageError(
            "nothing to change; give --daily 09:00, -p name=Ada, --set KEY=JSON or another option"
        )
    with current() as installation:
        task_id = task_id_of(installation.registry, task_id, changes=True)
        existing_task(installation.registry, task_id)
        before = task_json(installation.registry, task_id)
        changes = description.changes(before)
        if dry_run:
            after: dict[str, Any] | None = _preview(installation.registry.check, before, changes)
        else:
            installation.registry.update(task_id, changes, reason=reason)
            after = installation.registry.get(task_id)
        _show(before, after or {}, as_json=as_json, dry_run=dry_run)
        task = existing_task(installation.registry, task_id)
        if not dry_run:
            tell(f"{task_id}: {when_it_runs(task, installation.clock())}")
        tell_issues(issues_of_tasks(installation.client, [task]))


def _preview(check: DefinitionCheck, before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    from mission_control.registry.changes import merge_updates

    return check.parse_new(merge_updates(before, changes)).to_dict()


def _show(before: Mapping[str, Any], after: Mapping[str, Any], *, as_json: bool, dry_run: bool) -> None:
    from mission_control.audit.record.difference import difference

    kept = ("metadata", "execution_history")
    changed = difference(*({k: v for k, v in one.items() if k not in kept} for one in (before, after)))
    if as_json:
        echo_json(changed)
    elif changed:
        echo(*field_lines(changed))
    if not changed:
        tell("nothing changed: the task already has these values")
    elif dry_run:
        tell("dry run: nothing was changed")
