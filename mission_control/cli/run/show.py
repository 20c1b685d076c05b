"""`mission-control run show`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import as_text, echo, echo_json, table
from mission_control.cli.terminal.parameters import execution_id as of_run
from mission_control.cli.terminal.wording import local_time

if TYPE_CHECKING:
    from mission_control.model.runs.run_record import RunRecord


@click.command()
@of_run
@parameters.as_json
def show(execution_id: str, as_json: bool) -> None:
    """Show a run in full, except its params, which may hold secrets."""
    from mission_control.dispatch.run_control import existing_run
    from mission_control.model.values.zones import zone
    from mission_control.operate.runs import run_json

    with current() as installation:
        run = existing_run(installation.ledger, execution_id)
        if as_json:
            echo_json(run_json(run))
        else:
            here = zone(installation.settings.timezone)
            echo(table("", "", rows=list(_rows(run, here)), header=False))


def _rows(run: RunRecord, here: tzinfo) -> Iterator[tuple[str, str]]:
    from mission_control.operate.runs import run_json

    for name in run_json(run):
        value: Any = getattr(run, name, None)
        if value is None or value == {}:
            continue
        shown = local_time(value, here) if isinstance(value, datetime) else as_text(value)
        yield name.replace("_", " "), shown
