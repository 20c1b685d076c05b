"""`mission-control task revisions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import as_text, echo, echo_json, table

if TYPE_CHECKING:
    from mission_control.operate.tasks import Revision


@click.command()
@parameters.task_id
@parameters.as_json
def revisions(task_id: str, as_json: bool) -> None:
    """Show the changes of a task, latest first.

    With --json the definitions are given in full.
    """
    from mission_control.operate.tasks import existing_task, task_revisions

    with current() as installation:
        registry = installation.registry
        if as_json:
            existing_task(registry, task_id)
            echo_json(registry.revisions(task_id))
            return
        found = task_revisions(registry, installation.settings.task_changes_log, task_id)
        rows = [_row(one) for one in found]
        echo(table("revision", "modified", "by", "what changed", rows=rows, right=("revision",)))


def _row(one: Revision) -> tuple[str, str, str, str]:
    by = as_text(one.by) + (f" ({as_text(one.reason)})" if one.reason else "")
    return str(one.number), one.modified, by, _changes(one)


def _changes(one: Revision) -> str:
    if one.changes is None:
        return "the first" if one.number == 1 else "the oldest kept"
    return "; ".join(
        f"{path}: {as_text(change['from'])} → {as_text(change['to'])}" for path, change in one.changes.items()
    )
