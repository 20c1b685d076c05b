"""`mission-control task list`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import echo, echo_json, table, tell
from mission_control.cli.terminal.wording import in_how_long, local_time

if TYPE_CHECKING:
    from rich.text import Text

    from mission_control.operate.tasks import TaskSummary

_COLUMNS = ("task", "schedule", "next run", "", "ok", "failed")
_STYLES = {"quarantined": "red", "disabled": "dim", "completed": "dim"}


@click.command("list")
@click.option("--all", "is_all", is_flag=True, help="Show disabled tasks too.")
@parameters.as_json
def list_tasks(is_all: bool, as_json: bool) -> None:
    """List the enabled tasks, or all."""
    from mission_control.operate.journal import quarantined_tasks
    from mission_control.operate.tasks import task_summaries

    with current() as installation:
        registry = installation.registry
        if as_json:
            echo_json(registry.tasks(enabled_only=not is_all))
            return
        quarantined = quarantined_tasks(installation.client, installation.redbeat_keys)
        shown = task_summaries(registry, quarantined, enabled_only=not is_all)
        if shown:
            now = installation.clock()
            echo(table(*_COLUMNS, rows=[_row(one, now) for one in shown], flexible=["schedule"]))
        hidden = len(registry.ids()) - len(shown)
        if hidden > 0 and not is_all:
            tell(f"{hidden} disabled; show them with --all")


def _row(one: TaskSummary, now: datetime) -> tuple[str | Text, ...]:
    from rich.text import Text

    failed = Text(str(one.failures), style="red" if one.failures else "")
    return (one.task.id, one.task.schedule.describe(), *_next_run(one, now), str(one.successes), failed)


def _next_run(one: TaskSummary, now: datetime) -> tuple[str | Text, str]:
    from rich.text import Text

    if one.state != "enabled" or one.next_run is None:
        hint = "see status" if one.state == "quarantined" else ""
        return Text(one.state, style=_STYLES[one.state]), hint
    return local_time(one.next_run, one.task.schedule.zone), in_how_long(one.next_run, now)
