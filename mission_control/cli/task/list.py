"""`mission-control task list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import echo, echo_json, table, tell
from mission_control.cli.terminal.wording import in_how_long, local_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.text import Text

    from mission_control.installation.installation import Installation
    from mission_control.model.definitions.task import TaskDefinition


@click.command("list")
@click.option("--all", "is_all", is_flag=True, help="Show disabled tasks too.")
@parameters.as_json
def list_tasks(is_all: bool, as_json: bool) -> None:
    """List the tasks that are enabled, or all."""
    with current() as installation:
        shown = installation.registry.tasks(enabled_only=not is_all)
        if as_json:
            echo_json(shown)
            return
        definitions = {one.id: one for one in installation.registry.definitions()}
        known = [(one, definitions[one["id"]]) for one in shown if one["id"] in definitions]
        if known:
            echo(
                table(
                    "task",
                    "schedule",
                    "next run",
                    "",
                    "ok",
                    "failed",
                    rows=_rows(known, installation),
                    flexible=["schedule"],
                )
            )
        _tell_of_others(len(definitions) - len(known))


def _rows(
    known: Iterable[tuple[dict[str, Any], TaskDefinition]], installation: Installation
) -> list[tuple[str | Text, ...]]:
    from rich.text import Text

    from mission_control.operate.situation import quarantined_tasks

    quarantined = quarantined_tasks(installation)
    rows: list[tuple[str | Text, ...]] = []
    for shown, task in known:
        history = shown["execution_history"]
        failed = Text(str(history["failure_count"]), style="red" if history["failure_count"] else "")
        next_run = _next_run(shown, task, installation, is_quarantined=task.id in quarantined)
        rows.append((task.id, task.schedule.describe(), *next_run, str(history["success_count"]), failed))
    return rows


def _next_run(
    shown: dict[str, Any], task: TaskDefinition, installation: Installation, *, is_quarantined: bool
) -> tuple[str | Text, str]:
    from rich.text import Text

    from mission_control.model.values.instants import parse_instant

    if is_quarantined:
        return Text("set aside", style="red"), "see status"
    if not task.enabled:
        return Text("disabled", style="dim"), ""
    next_run = shown["execution_history"]["next_run"]
    if next_run is None:
        return Text("completed", style="dim"), ""
    moment = parse_instant(next_run)
    return local_time(moment, task.schedule.zone), in_how_long(moment, installation.clock())


def _tell_of_others(hidden: int) -> None:
    if hidden > 0:
        tell(f"{hidden} disabled; see them with --all")
