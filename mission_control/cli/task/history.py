"""`mission-control task history` and `task revisions`: the runs and the changes of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import as_text, echo, echo_json, table, tell
from mission_control.cli.terminal.revealing import shown_definitions
from mission_control.cli.terminal.watching import watchable
from mission_control.cli.terminal.wording import local_time, own_zone
from mission_control.cli.views.run_view import run_columns, run_row
from mission_control.model.values.instants import parse_instant

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mission_control.operate.tasks import Revision

_REVISION = Column("revision", Worth.KEY, right=True)


@click.command()
@parameters.task_id
@click.option("-n", "limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many runs.")
@watchable
@parameters.as_json
def history(task_id: str, limit: int, as_json: bool) -> None:
    """Show a task's runs, latest first.

    The ledger forgets old runs; `audit tail --task ID` shows them all.
    """
    from mission_control.operate.runs import run_json, task_history
    from mission_control.operate.tasks import task_id_of

    with current() as installation:
        task_id = task_id_of(installation.registry, task_id)
        runs = task_history(installation.ledger, installation.registry, task_id, limit=limit)
        if as_json:
            echo_json([run_json(run) for run in runs])
        elif runs:
            here = own_zone()
            echo(table(*run_columns(here.key), rows=[run_row(run, here) for run in runs]))
        else:
            tell(f"{task_id} has not run yet")


@click.command()
@parameters.task_id
@parameters.as_json
@parameters.reveal
def revisions(task_id: str, as_json: bool, reveal: bool) -> None:
    """Show the changes of a task, latest first, with its secrets masked.

    --json prints whole definitions; --reveal needs it.
    """
    from mission_control.operate.tasks import existing_task, task_id_of, task_revisions

    with current() as installation:
        registry = installation.registry
        task_id = task_id_of(registry, task_id)
        if as_json:
            existing_task(registry, task_id)
            found = registry.revisions(task_id)
            echo_json(shown_definitions(found, installation.settings.data_dir, reveal=reveal))
            return
        changes = task_revisions(registry, installation.settings.task_changes_log, task_id)
        here = own_zone()
        rows = [_row(one, here) for one in changes]
        when = Column(f"modified ({here.key})", Worth.HIGH)
        columns = (_REVISION, when, Column("by", least=10), Column("what changed", Worth.KEY, least=20))
        echo(table(*columns, rows=rows))


def _row(one: Revision, here: ZoneInfo) -> tuple[str, str, str, str]:
    by = as_text(one.by) + (f" ({as_text(one.reason)})" if one.reason else "")
    return str(one.number), local_time(parse_instant(one.modified), here), by, _changes(one)


def _changes(one: Revision) -> str:
    if one.changes is None:
        return "the first" if one.number == 1 else "the oldest kept"
    return "; ".join(
        f"{path}: {as_text(change['from'])} → {as_text(change['to'])}" for path, change in one.changes.items()
    )
