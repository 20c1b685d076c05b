"""`mission-control approvals …`: changes of holders of grants that wait for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import echo, echo_json, table, tell
from mission_control.cli.terminal.watching import watchable
from mission_control.errors import InvalidTaskError

if TYPE_CHECKING:
    from mission_control.registry.definition_check import DefinitionCheck
    from mission_control.registry.grants import Approval

_COLUMNS: Final = (
    *(Column(name, Worth.KEY) for name in ("id", "grant", "task")),
    Column("schedule", Worth.HIGH),
    Column("handler", Worth.HIGH),
    Column("why", Worth.LOW, least=10),
)


@click.command("list")
@watchable
@parameters.as_json
def list_approvals(as_json: bool) -> None:
    """List the changes that wait for an approval; --json shows the whole definitions."""
    from mission_control.operate.assembly import granted_changes

    with current() as installation:
        changes = granted_changes(installation)
        waiting = changes.approvals.all()
    if as_json:
        from mission_control.audit.record.masking import masked_definition

        echo_json([{**one.to_json(), "definition": masked_definition(one.definition)} for one in waiting])
    elif waiting:
        echo(table(*_COLUMNS, rows=[_row(one, changes.registry.check) for one in waiting]))
    else:
        tell("nothing waits for an approval")


@click.command()
@click.argument("approval_id")
@parameters.dry_run
def allow(approval_id: str, dry_run: bool) -> None:
    """Make a change that waits, as its holder asked for it.

    Exit code 4: its task has changed since, or the change is no longer granted.
    """
    from mission_control.installation.installation import acting_user
    from mission_control.operate.assembly import granted_changes

    with current() as installation:
        changes = granted_changes(installation)
        found = changes.approvals.get(approval_id)
        changes.allow(found, who=acting_user(), dry_run=dry_run)
    tell(f"{found.task_id}: {'would be allowed (dry run)' if dry_run else 'allowed'}")


@click.command()
@click.argument("approval_id")
@parameters.reason
@parameters.dry_run
def deny(approval_id: str, reason: str | None, dry_run: bool) -> None:
    """Drop a change that waits; its holder sees that in the record of changes."""
    from mission_control.installation.installation import acting_user
    from mission_control.operate.assembly import granted_changes

    with current() as installation:
        changes = granted_changes(installation)
        found = changes.approvals.get(approval_id)
        if not dry_run:
            changes.deny(found, who=acting_user(), reason=reason)
    tell(f"{found.task_id}: {'would be denied (dry run)' if dry_run else 'denied'}")


def _row(one: Approval, check: DefinitionCheck) -> tuple[str, ...]:
    try:
        words = check.parse_stored(one.definition).schedule.describe()
    except InvalidTaskError as error:
        words = str(error)
    handler = str(one.definition["handler"])
    return (one.approval_id, one.holder, one.task_id, words, handler, one.reason)
