"""`mission-control run logs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import echo, echo_json, echo_json_line, tell
from mission_control.cli.terminal.own_zone import own_zone
from mission_control.cli.terminal.parameters import execution_id as of_run
from mission_control.cli.views.log_view import log_lines

if TYPE_CHECKING:
    from mission_control.dispatch.run_logs import LogLine


@click.command()
@of_run
@click.option("--follow", "-f", "is_following", is_flag=True, help="Show new lines too, until the run ends.")
@parameters.as_json
def logs(execution_id: str, is_following: bool, as_json: bool) -> None:
    """Show what a run's handler printed and logged, and its tracebacks.

    --json prints an array of lines; with --follow, one object a line.
    """
    from mission_control.dispatch.run_control import existing_run
    from mission_control.dispatch.run_logs import RunLogs

    with current() as installation:
        kept, here = RunLogs(installation.client, installation.run_logs), own_zone()
        found = kept.lines(execution_id)
        if not found:
            execution_id = existing_run(installation.ledger, execution_id).execution_id
            found = kept.lines(execution_id)
        if is_following:
            before = None
            for line in kept.follow(installation.ledger, execution_id):
                echo_json_line(_json(line)) if as_json else echo(*log_lines([line], here, after=before))
                before = line
        elif as_json:
            echo_json([_json(line) for line in found])
        else:
            echo(*log_lines(found, here)) if found else tell("its handler has printed and logged nothing")


def _json(line: LogLine) -> dict[str, Any]:
    from mission_control.model.values.instants import format_instant

    return {**vars(line), "at": format_instant(line.at)}
