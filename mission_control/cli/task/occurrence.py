"""`mission-control task skip`, `task unskip` and `task move`: one occurrence of a task."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import printable, tell
from mission_control.cli.terminal.wording import in_own_time, own_zone

if TYPE_CHECKING:
    from mission_control.model.runs.changed_occurrence import ChangedOccurrence
    from mission_control.operate.occurrences import Occurrences


def _of_one(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the ways to name an occurrence."""
    command = click.option("--next", "is_next", is_flag=True, help="The next occurrence.")(command)
    at = click.option("--at", type=parameters.MOMENT, metavar="MOMENT", help="The occurrence of this time.")
    return parameters.task_id(at(command))


@click.command()
@_of_one
@parameters.reason
@parameters.dry_run
def skip(task_id: str, at: datetime | None, is_next: bool, reason: str | None, dry_run: bool) -> None:
    """Skip one occurrence of a task. It is recorded as skipped when it is due.

    With --next a second time, the one after it is skipped as well.
    """
    _check_named(at, is_next=is_next)
    _change(task_id, lambda ours, name: ours.skip(name, at, reason=reason, dry_run=dry_run), dry_run=dry_run)


@click.command()
@_of_one
@parameters.reason
@parameters.dry_run
def unskip(task_id: str, at: datetime | None, is_next: bool, reason: str | None, dry_run: bool) -> None:
    """Let an occurrence that was skipped or moved run at its own time after all."""
    _check_named(at, is_next=is_next)
    _change(
        task_id, lambda ours, name: ours.unskip(name, at, reason=reason, dry_run=dry_run), dry_run=dry_run
    )


@click.command(epilog="Example: mission-control task move tea --next --to 'tomorrow 18:00'")
@_of_one
@click.option("--to", type=parameters.MOMENT, metavar="MOMENT", required=True, help="When it runs instead.")
@parameters.reason
@parameters.dry_run
def move(
    task_id: str, at: datetime | None, is_next: bool, to: datetime, reason: str | None, dry_run: bool
) -> None:
    """Move one occurrence of a task to another time. Its run keeps the id of its own time."""
    _check_named(at, is_next=is_next)
    _change(
        task_id, lambda ours, name: ours.move(name, at, to, reason=reason, dry_run=dry_run), dry_run=dry_run
    )


def _check_named(at: datetime | None, *, is_next: bool) -> None:
    if (at is None) is not is_next:
        raise click.UsageError("Name the occurrence: give either --at or --next.")


def _change(task_id: str, change: Callable[[Occurrences, str], ChangedOccurrence], *, dry_run: bool) -> None:
    from mission_control.operate.assembly import occurrences_of
    from mission_control.operate.tasks import task_id_of

    with current() as installation:
        name = task_id_of(installation.registry, task_id, changes=True)
        done = change(occurrences_of(installation), name)
    is_changed = done.is_skipped or done.to is not None
    what = in_own_time(done.words(), own_zone()) if is_changed else "runs at its own time"
    tell(printable(f"{done.execution_id}: {what}{' (dry run)' if dry_run else ''}"))
