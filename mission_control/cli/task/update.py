"""`mission-control task update`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import rich_click as click

from mission_control.cli.task.definition_options import Description, definition_options
from mission_control.cli.tasks.plan import field_lines
from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import echo, echo_json, tell, tell_issues
from mission_control.cli.views.task_view import when_it_runs

if TYPE_CHECKING:
    from mission_control.registry.definition_check import DefinitionCheck


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
