"""`mission-control run …`: one run at a time."""

from __future__ import annotations

import rich_click as click

from mission_control.cli.terminal.lazy_group import LazyGroup

_HERE = "mission_control.cli.run"


@click.group(
    cls=LazyGroup,
    lazy={
        "list": f"{_HERE}.list:list_runs",
        "show": f"{_HERE}.show:show",
        "cancel": f"{_HERE}.cancel:cancel",
        "retry": f"{_HERE}.retry:retry",
    },
)
def run() -> None:
    """Look at, cancel and repeat runs."""
